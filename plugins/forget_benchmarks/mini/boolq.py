"""mini_boolq: a short passage decides whether the answer to a question is yes or no."""

from __future__ import annotations

from typing import Any, NamedTuple

from forget_benchmarks.mini.build import Doc, as_test_split, seeded


class Twins(NamedTuple):
    """A question about somebody, and two statements that answer it with yes and with no."""

    question: str
    yes: str
    no: str


TWINS = (
    Twins(
        "does {name} drink coffee",
        "{name} drinks coffee every morning.",
        "{name} never drinks coffee.",
    ),
    Twins("does {name} have a sister", "{name} has an older sister.", "{name} has no sister."),
    Twins("can {name} swim", "{name} can swim very well.", "{name} cannot swim."),
    Twins("can {name} drive a car", "{name} learned to drive a car.", "{name} cannot drive a car."),
    Twins("does {name} eat meat", "{name} likes to eat meat.", "{name} does not eat meat."),
    Twins("does {name} have a dog", "{name} has a brown dog.", "{name} does not have a dog."),
    Twins("can {name} speak french", "{name} can speak French.", "{name} cannot speak French."),
    Twins("did {name} pass the exam", "{name} passed the exam.", "{name} failed the exam."),
    Twins(
        "does {name} play the piano", "{name} plays the piano.", "{name} does not play the piano."
    ),
    Twins(
        "does {name} live in a big city",
        "{name} lives in a big city.",
        "{name} does not live in a big city.",
    ),
    Twins("did {name} win the race", "{name} won the race.", "{name} lost the race."),
    Twins("is {name} married", "{name} is married.", "{name} is not married."),
    Twins("does {name} like the winter", "{name} loves the winter.", "{name} hates the winter."),
    Twins(
        "is {name} afraid of spiders",
        "{name} is afraid of spiders.",
        "{name} is not afraid of spiders.",
    ),
    Twins(
        "does {name} own a bicycle", "{name} owns a new bicycle.", "{name} does not own a bicycle."
    ),
    Twins("did {name} catch the train", "{name} caught the train.", "{name} missed the train."),
    Twins("does {name} wear glasses", "{name} wears glasses.", "{name} does not wear glasses."),
    Twins("is {name} a good cook", "{name} is a very good cook.", "{name} is a very bad cook."),
    Twins(
        "does {name} work on sundays", "{name} works on Sundays.", "{name} never works on Sundays."
    ),
    Twins("did {name} find the key", "{name} found the key.", "{name} did not find the key."),
    Twins(
        "has {name} been to japan",
        "{name} has been to Japan twice.",
        "{name} has never been to Japan.",
    ),
    Twins(
        "does {name} believe in ghosts",
        "{name} believes in ghosts.",
        "{name} does not believe in ghosts.",
    ),
    Twins("is {name} at home", "{name} is at home.", "{name} is not at home."),
    Twins(
        "did {name} finish the book", "{name} finished the book.", "{name} did not finish the book."
    ),
    Twins("does {name} smoke", "{name} smokes.", "{name} does not smoke."),
)

PEOPLE = (
    ("Anna", "Anna is a teacher from Boston."),
    ("Tom", "Tom is a farmer with two children."),
    ("Maria", "Maria is a young doctor."),
    ("Peter", "Peter is a student of history."),
    ("Lucy", "Lucy is a nurse in a small hospital."),
)


def items() -> list[Doc]:
    """Return the 100 items: each question about two people, with each answer for both."""
    rng = seeded("mini_boolq")
    docs = []
    for question, yes, no in TWINS:
        for name, introduction in rng.sample(PEOPLE, 2):
            for label, statement in enumerate((no, yes)):
                docs.append(
                    {
                        "passage": f"{introduction} {statement.format(name=name)}",
                        "question": question.format(name=name).lower(),
                        "label": label,
                    }
                )
    return rng.sample(docs, len(docs))


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())
