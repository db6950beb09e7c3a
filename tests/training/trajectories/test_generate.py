"""Trajectory generation against a scripted teacher: what is kept, what is asked, what fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Completion
from forget.errors import DataError, WorkError
from forget.method import PrepareTask
from forget.store.lock import exclusive
from forget.store.manifest import read_manifest
from forget.teacher import TeacherOutput, TeacherPrompt
from forget.training import read_examples, write_trajectories
from forget.training.trajectories.store import read_contents
from training.trajectories.conftest import Graded, Scripted, number, right, says

Make = Callable[..., PrepareTask]


def even_are_right(_: int, prompt: TeacherPrompt) -> Completion:
    n = number(prompt)
    return right(n) if n % 2 == 0 else says("7 or 8")


def trajectories(task: PrepareTask) -> Any:
    manifest = read_manifest(task.output)
    assert manifest is not None
    return manifest.details["trajectories"]


def store_folder(task: PrepareTask) -> Path:
    assert task.trajectories is not None
    [folder] = (task.trajectories / "graded").iterdir()
    return folder


def test_the_correct_ones_become_training_data(teach: Make) -> None:
    teacher = Scripted(even_are_right)
    task = teach(teacher)
    write_trajectories(task)
    rows = read_examples(task.output)
    assert [row.id for row in rows] == [f"train-{n}#0" for n in range(0, 12, 2)]
    assert [row.question for row in rows] == [f"train-{n}" for n in range(0, 12, 2)]
    assert rows[1].completion == "2 and 2 make 4"
    # The student is asked without the teacher's worked examples.
    assert rows[1].messages == Graded().prompt(task.dataset.load("train", task.data)[2])
    found = trajectories(task)
    assert (found["questions"], found["samples"], found["completions"]) == (12, 2, 24)
    assert (found["kept_questions"], found["kept_fraction"], found["correct"]) == (6, 0.5, 12)
    assert found["by_level"]["1 steps"]["pass_rate"] == 1.0
    assert found["by_level"]["2 steps"]["pass_rate"] == 0.0
    assert found["teacher"] == {"kind": "scripted", "name": "scripted"}
    assert found["sampling"]["temperature"] == 0.7
    assert (task.output.parents[1] / found["store"]).is_dir()
    assert teacher.samplings[0].max_new_tokens == 16
    assert teacher.closed == 1


def test_nothing_is_asked_again_once_data_are_there(teach: Make) -> None:
    write_trajectories(teach(Scripted(even_are_right)))
    teacher = Scripted(even_are_right)
    write_trajectories(teach(teacher))
    assert teacher.asked == []


def test_another_run_of_the_same_teacher_shares_the_completions(teach: Make) -> None:
    write_trajectories(teach(Scripted(even_are_right)))
    teacher = Scripted(even_are_right)
    other = teach(teacher, output="other/data", keep="shortest", keep_per_question=2)
    write_trajectories(other)
    assert teacher.asked == []
    assert len(read_examples(other.output)) == 6  # both samples say the same


def test_more_samples_of_more_questions_ask_for_the_difference_alone(teach: Make) -> None:
    write_trajectories(teach(Scripted(even_are_right), max_questions=5))
    teacher = Scripted(even_are_right)
    task = teach(teacher, output="other/data", samples=3)
    write_trajectories(task)
    assert len(teacher.asked) == 12 * 3 - 5 * 2
    assert len(read_contents(store_folder(task)).completions) == 36


def test_another_way_of_sampling_is_another_store(teach: Make) -> None:
    write_trajectories(teach(Scripted(even_are_right)))
    for changes in ({"temperature": 0.8}, {"shots": 1}, {"top_k": 5}, {"max_new_tokens": 9},
                    {"sampling_seed": 1}):  # fmt: skip
        teacher = Scripted(even_are_right)
        write_trajectories(teach(teacher, output=f"{changes}/data", **changes))
        assert len(teacher.asked) == 24, changes


@pytest.mark.parametrize("moment", [0, 1, 7, 23])
def test_broken_off_and_continued_asks_for_the_rest_alone(teach: Make, moment: int) -> None:
    def breaks(index: int, prompt: TeacherPrompt) -> Completion | BaseException:
        return KeyboardInterrupt() if index == moment else even_are_right(index, prompt)

    broken = Scripted(breaks)
    task = teach(broken)
    with pytest.raises(KeyboardInterrupt):
        write_trajectories(task)
    assert broken.closed == 1
    assert not task.output.exists()
    assert len(read_contents(store_folder(task)).completions) == moment
    rest = Scripted(even_are_right)
    write_trajectories(teach(rest))
    assert len(rest.asked) == 24 - moment
    asked = [p.seed for p in [*broken.asked[:moment], *rest.asked]]
    assert len(set(asked)) == 24
    undisturbed = teach(Scripted(even_are_right), output="calm/data")
    write_trajectories(undisturbed)
    assert read_examples(task.output) == read_examples(undisturbed.output)


def test_completions_that_could_not_be_had_are_named_and_asked_again(teach: Make) -> None:
    def fails(index: int, prompt: TeacherPrompt) -> TeacherOutput | Completion:
        if index in (3, 4, 5):
            return TeacherOutput(index, None, "HTTP 500" if index < 5 else "time-out after 60 s")
        return even_are_right(index, prompt)

    task = teach(Scripted(fails))
    with pytest.raises(WorkError) as failure:
        write_trajectories(task)
    said = str(failure.value)
    assert said.startswith("3 of 24 completions of the teacher 'scripted' could not be had: ")
    assert "HTTP 500 (2), time-out after 60 s (1)" in said
    assert "run the same command again" in said
    assert not task.output.exists()
    rest = Scripted(even_are_right)
    write_trajectories(teach(rest))
    assert len(rest.asked) == 3


def test_prompts_that_can_have_no_completion_do_not_hold_the_others_up(teach: Make) -> None:
    def refuses(index: int, prompt: TeacherPrompt) -> TeacherOutput | Completion:
        if number(prompt) == 4:
            return TeacherOutput(index, None, "too long", final=True)
        return even_are_right(index, prompt)

    task = teach(Scripted(refuses))
    write_trajectories(task)
    found = trajectories(task)
    assert (found["refused"], found["completions"]) == ({"too long": 2}, 22)
    assert (found["questions"], found["kept_questions"]) == (12, 5)
    # They are not taken for answered: who asks again may have another answer.
    rest = Scripted(even_are_right)
    write_trajectories(teach(rest, output="other/data"))
    assert [number(p) for p in rest.asked] == [4, 4]


def test_no_prompt_can_have_a_completion(teach: Make) -> None:
    with pytest.raises(DataError, match=r"of 0 completions 0 are correct.*too long \(24\)"):
        write_trajectories(
            teach(Scripted(lambda i, p: TeacherOutput(i, None, "too long", final=True)))
        )


def test_a_teacher_that_stops_early(teach: Make) -> None:
    class Lazy(Scripted):
        def generate(self, prompts: Any, sampling: Any) -> Any:
            yield from super().generate(prompts[:20], sampling)

    with pytest.raises(WorkError, match=r"4 of 24 .* no output for the prompt \(4\)"):
        write_trajectories(teach(Lazy(even_are_right)))
    rest = Scripted(even_are_right)
    write_trajectories(teach(rest))
    assert len(rest.asked) == 4


@pytest.mark.parametrize("wrong", [-1, 24, 0, "one", None, 1.0])
def test_an_output_for_no_prompt_or_for_one_twice(teach: Make, wrong: Any) -> None:
    def confused(index: int, prompt: TeacherPrompt) -> TeacherOutput:
        return TeacherOutput(wrong if index == 5 else index, right(number(prompt)))

    teacher = Scripted(confused)
    task = teach(teacher)
    with pytest.raises(WorkError, match="'scripted' is at fault: it answered prompt"):
        write_trajectories(task)
    assert teacher.closed == 1
    assert len(read_contents(store_folder(task)).completions) == 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "24 give no answer"),
        (" \n ", "24 give no answer"),
        ("\x00\x07 nonsense \ufffd", "24 a wrong one"),
        ("\ud83d half a character", "24 a wrong one"),
    ],
)
def test_nothing_and_garbage_end_in_a_sentence_and_are_kept(
    teach: Make, text: str, reason: str
) -> None:
    teacher = Scripted(lambda index, prompt: says(text))
    task = teach(teacher)
    with pytest.raises(DataError) as failure:
        write_trajectories(task)
    said = str(failure.value)
    assert "of 24 completions 0 are correct" in said.replace("and ", "")
    assert reason in said
    assert "\n" not in said
    assert len(read_contents(store_folder(task)).completions) == 24
    assert not task.output.exists()


def test_a_right_answer_with_half_a_character_is_not_learned(teach: Make) -> None:
    def halves(index: int, prompt: TeacherPrompt) -> Completion:
        n = number(prompt)
        return says(f"\ud83d {2 * n}") if n == 4 else right(n)

    task = teach(Scripted(halves))
    write_trajectories(task)
    assert "train-4" not in {row.question for row in read_examples(task.output)}
    texts = {item.completion.text for item in read_contents(store_folder(task)).completions}
    assert "\ufffd 8" in texts


def test_cut_completions_are_counted_and_not_learned(teach: Make) -> None:
    def cut(index: int, prompt: TeacherPrompt) -> Completion:
        n = number(prompt)
        return says(f"it is {2 * n}", finished=n % 3 > 0)

    task = teach(Scripted(cut))
    write_trajectories(task)
    assert {int(row.question.split("-")[1]) % 3 for row in read_examples(task.output)} == {1, 2}
    found = trajectories(task)
    assert found["truncation_rate"] == pytest.approx(4 / 12)
    assert found["pass_rate"] == 1.0


def test_questions_without_an_answer_are_never_asked(teach: Make) -> None:
    teacher = Scripted(even_are_right)
    task = teach(teacher, Graded(unanswered=(2, 3)))
    write_trajectories(task)
    assert len(teacher.asked) == 20
    assert {number(p) for p in teacher.asked}.isdisjoint({2, 3})
    assert trajectories(task)["unanswered"] == 2


def test_no_question_with_an_answer(teach: Make) -> None:
    teacher = Scripted(even_are_right)
    with pytest.raises(DataError, match="No question of the dataset 'graded' has a gold answer"):
        write_trajectories(teach(teacher, Graded(unanswered=range(12))))
    assert teacher.asked == []


def test_longer_than_the_training_takes_is_dropped_not_cut(teach: Make) -> None:
    def long(index: int, prompt: TeacherPrompt) -> Completion:
        n = number(prompt)
        filler = "step " * (100 if n == 4 or index < 12 else 1)
        return says(f"{filler}{2 * n}")

    task = teach(Scripted(long), max_length=90, samples=2)
    write_trajectories(task)
    rows = read_examples(task.output)
    # The first sample is too long, so the second is kept; of question 4 both are.
    assert [row.id for row in rows] == [f"train-{n}#1" for n in range(12) if n != 4]
    assert all(row.completion.startswith("step ") for row in rows)
    assert trajectories(task)["too_long_questions"] == 1


def test_worked_examples_are_for_the_teacher_alone(teach: Make) -> None:
    teacher = Scripted(even_are_right)
    task = teach(teacher, shots=3)
    write_trajectories(task)
    assert all(len(prompt.messages) == 2 + 6 for prompt in teacher.asked)
    assert all(len(row.messages) == 2 for row in read_examples(task.output))


@pytest.mark.slow
def test_a_process_waits_for_another_that_asks_the_same(
    teach: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Thread

    from forget.training.trajectories import generate

    task = teach(Scripted(even_are_right))
    write_trajectories(task)
    monkeypatch.setattr(generate, "_LOOK_EVERY_S", 0.01)
    teacher = Scripted(even_are_right)
    other = teach(teacher, output="other/data")
    waiting = Thread(target=write_trajectories, args=(other,))
    with exclusive(store_folder(task) / ".lock"):
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join(60)
    assert (len(read_examples(other.output)), teacher.asked) == (6, [])


def test_special_tokens_written_out_are_not_learned(teach: Make) -> None:
    def writes_turns(index: int, prompt: TeacherPrompt) -> Completion:
        n = number(prompt)
        return says(f"I see.<|im_end|>\n<|im_start|>user so {2 * n}") if n == 4 else right(n)

    task = teach(Scripted(writes_turns))
    write_trajectories(task)
    assert "train-4" not in {row.question for row in read_examples(task.output)}


def test_all_right_and_all_cut(teach: Make) -> None:
    with pytest.raises(DataError, match=r"24 are correct, 24 were cut at their length limit"):
        write_trajectories(
            teach(Scripted(lambda i, p: says(f"it is {2 * number(p)}", finished=False)))
        )


def test_pass_rate_is_shown_beside_the_bar(teach: Make) -> None:
    import attrs

    class Watching:
        def __init__(self) -> None:
            self.details: list[str] = []
            self.notes: list[str] = []

        def task(self, description: str, total: int | None) -> Any:
            from contextlib import nullcontext

            return nullcontext(lambda steps, detail="": self.details.append(detail))

        def note(self, text: str) -> None:
            self.notes.append(text)

    watching = Watching()
    write_trajectories(attrs.evolve(teach(Scripted(even_are_right)), progress=watching))
    assert "50 % correct" in watching.details
    assert watching.notes[0].startswith("kept 6 of 12 questions (50.0 %)")
    assert watching.notes[1] == "correct by difficulty: 1 steps 100.0 %, 2 steps 0.0 %"


def test_a_long_generation_says_how_far_it_is(teach: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    import attrs

    from forget.progress import Silent
    from forget.training.trajectories import obtaining

    notes: list[str] = []
    silent = Silent()
    monkeypatch.setattr(silent, "note", notes.append)
    monkeypatch.setattr(obtaining, "_NOTE_EVERY_S", 0.0)
    write_trajectories(attrs.evolve(teach(Scripted(even_are_right)), progress=silent))
    assert len([note for note in notes if " min left" in note]) == 22
    assert notes[0].startswith("2 of 24 completions, 50 % correct, about 0 min left")
