"""mini_boolq: a short passage and a question that it answers with yes or no."""

from __future__ import annotations

from typing import Any, NamedTuple

from forget_benchmarks.mini.build import Doc, as_test_split, seeded


class Passage(NamedTuple):
    """A passage, a question that it answers with yes and one that it answers with no."""

    text: str
    yes: str
    no: str


PASSAGES = (
    Passage("Penguins are birds that swim well but cannot fly.", "can penguins swim", "can penguins fly"),
    Passage("Bats are mammals. They sleep during the day and hunt at night.", "are bats mammals", "do bats hunt during the day"),
    Passage("Spiders have eight legs and are not insects.", "do spiders have eight legs", "are spiders insects"),
    Passage("Whales live in the ocean, but they are not fish. They breathe air.", "do whales breathe air", "are whales fish"),
    Passage("Cows eat grass. They do not eat meat.", "do cows eat grass", "do cows eat meat"),
    Passage("Ice is lighter than water, so it floats.", "does ice float on water", "is ice heavier than water"),
    Passage("The Moon has no air and no light of its own. It reflects sunlight.", "does the moon reflect sunlight", "is there air on the moon"),
    Passage("Venus is the hottest planet. It has no moons.", "is venus the hottest planet", "does venus have moons"),
    Passage("Canada has two official languages, English and French.", "is french an official language of canada", "is spanish an official language of canada"),
    Passage("The capital of Australia is Canberra. Its largest city is Sydney.", "is canberra the capital of australia", "is sydney the capital of australia"),
    Passage("Iron is a metal that rusts. Gold is a metal that does not rust.", "does iron rust", "does gold rust"),
    Passage("Dogs must not eat chocolate, because it is poisonous to them. Plain rice is safe.", "is rice safe for dogs", "is chocolate safe for dogs"),
    Passage("The library is open from Monday to Friday. It is closed on weekends.", "is the library open on monday", "is the library open on sunday"),
    Passage("The museum is free for children. Adults pay ten dollars.", "is the museum free for children", "is the museum free for adults"),
    Passage("Smoking is not allowed in the hotel. Pets are welcome.", "are pets allowed in the hotel", "is smoking allowed in the hotel"),
    Passage("Anna likes tea. She never drinks coffee.", "does anna drink tea", "does anna drink coffee"),
    Passage("Tom has a brother. He has no sister.", "does tom have a brother", "does tom have a sister"),
    Passage("The bus stops at the school. It does not stop at the station.", "does the bus stop at the school", "does the bus stop at the station"),
    Passage("Maria plays the piano. She cannot sing.", "can maria play the piano", "can maria sing"),
    Passage("The soup contains milk. It contains no meat.", "is there milk in the soup", "is there meat in the soup"),
    Passage("Paul passed the math exam but failed the history exam.", "did paul pass the math exam", "did paul pass the history exam"),
    Passage("The shop sells bread and milk. It does not sell newspapers.", "does the shop sell bread", "does the shop sell newspapers"),
    Passage("Ostriches are the largest birds. They run fast but cannot fly.", "can ostriches run fast", "can ostriches fly"),
    Passage("Diamonds are made of carbon. Pearls are not made of carbon alone and come from oysters.", "are diamonds made of carbon", "do pearls come from mines"),
    Passage("Sharks are fish. Dolphins are mammals, not fish.", "are sharks fish", "are dolphins fish"),
)


def items() -> list[Doc]:
    """Return the items."""
    rng = seeded("mini_boolq")
    docs = [
        {"passage": p.text, "question": q, "label": label}
        for p in PASSAGES
        for q, label in ((p.no, 0), (p.yes, 1))
    ]
    return rng.sample(docs, len(docs))


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())
