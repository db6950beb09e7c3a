"""mini_mmlu: what one learns at school, in four subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from forget_benchmarks.mini.build import (
    Doc,
    Question,
    Table,
    as_test_split,
    draw_distractors,
    place_answers,
    seeded,
)

ITEMS_PER_SUBJECT = 30

CAPITALS: Mapping[str, Mapping[str, str]] = {
    "Asia": {
        "Mongolia": "Ulaanbaatar", "Nepal": "Kathmandu", "Laos": "Vientiane",
        "Kazakhstan": "Astana", "Uzbekistan": "Tashkent",
    },
    "Western Asia": {
        "Azerbaijan": "Baku", "Armenia": "Yerevan", "Jordan": "Amman", "Oman": "Muscat",
        "Qatar": "Doha",
    },
    "Africa": {
        "Ghana": "Accra", "Senegal": "Dakar", "Mali": "Bamako", "Uganda": "Kampala",
        "Zambia": "Lusaka", "Zimbabwe": "Harare", "Angola": "Luanda", "Mozambique": "Maputo",
        "Ethiopia": "Addis Ababa", "Namibia": "Windhoek", "Rwanda": "Kigali",
    },
    "Latin America": {
        "Uruguay": "Montevideo", "Ecuador": "Quito", "Nicaragua": "Managua",
        "Honduras": "Tegucigalpa",
    },
    "Europe": {
        "Latvia": "Riga", "Lithuania": "Vilnius", "Bulgaria": "Sofia", "Albania": "Tirana",
        "Slovenia": "Ljubljana",
    },
}  # fmt: skip
"""Region to country to capital; the wrong choices are other capitals of the region."""

OPPOSITES = {
    "hot": ("cold", "warm"), "big": ("small", "large"), "fast": ("slow", "quick"),
    "happy": ("sad", "glad"), "dark": ("light", "dim"), "rich": ("poor", "wealthy"),
    "strong": ("weak", "powerful"), "early": ("late", "soon"), "empty": ("full", "vacant"),
    "hard": ("soft", "firm"), "wet": ("dry", "damp"), "open": ("closed", "unlocked"),
    "old": ("young", "aged"), "high": ("low", "tall"), "clean": ("dirty", "washed"),
    "temporary": ("permanent", "brief"), "visible": ("invisible", "apparent"),
    "wide": ("narrow", "broad"), "brave": ("cowardly", "bold"),
    "cheap": ("expensive", "affordable"), "scarce": ("abundant", "rare"),
    "safe": ("dangerous", "secure"), "true": ("false", "correct"),
    "deep": ("shallow", "bottomless"), "smooth": ("rough", "even"), "sharp": ("dull", "pointed"),
    "guilty": ("innocent", "culpable"), "humble": ("arrogant", "modest"),
    "polite": ("rude", "courteous"), "generous": ("selfish", "charitable"),
}  # fmt: skip
"""Word to its opposite, and to a word of like meaning, which is one of the wrong choices."""

CELLS: Table = (
    ("Which gas do animals breathe out?", "carbon dioxide"),
    ("Which molecule carries the genes of a cell?", "DNA"),
    ("Which part of a cell holds its chromosomes?", "the nucleus"),
    ("Which green substance in leaves absorbs light?", "chlorophyll"),
    ("Which cells carry oxygen in the blood?", "red blood cells"),
    ("Which cells of the body fight infections?", "white blood cells"),
    ("Which cells carry signals through the body?", "neurons"),
    ("Which hormone lowers the sugar in the blood?", "insulin"),
)

BODY: Table = (
    ("Which vessels carry blood away from the heart?", "arteries"),
    ("Which vessels carry blood back to the heart?", "veins"),
    ("Which organ makes bile?", "the liver"),
    ("Which organ holds the urine before it leaves the body?", "the bladder"),
    ("Which muscle below the lungs is used to breathe?", "the diaphragm"),
    ("Which part of the eye opens wider in the dark?", "the pupil"),
    ("Which tissue connects muscles to bones?", "tendons"),
    ("Which joint connects the upper and the lower leg?", "the knee"),
    ("Which bones protect the heart and the lungs?", "the ribs"),
    ("Which bone protects the brain?", "the skull"),
)

NUTRIENTS: Table = (
    ("Which vitamin does the skin make in sunlight?", "vitamin D"),
    ("Which vitamin prevents scurvy?", "vitamin C"),
    ("Which mineral makes bones and teeth hard?", "calcium"),
    ("Which metal in red blood cells binds oxygen?", "iron"),
)

ORGANISMS: Table = (
    ("Which organisms cause malaria?", "parasites"),
    ("Which organisms turn sugar into alcohol when beer is brewed?", "yeasts"),
    ("Which organisms turn milk into yogurt?", "bacteria"),
    ("Which animals are the closest living relatives of humans?", "chimpanzees"),
    ("Which animals died out 66 million years ago?", "dinosaurs"),
    ("Which animals begin their lives as tadpoles?", "frogs"),
    ("Which animals have eight legs?", "spiders"),
    ("Which plants grow needles and cones?", "pine trees"),
)

WRITERS: Table = (
    ("Who wrote the play Romeo and Juliet?", "William Shakespeare"),
    ("Who wrote the novel Pride and Prejudice?", "Jane Austen"),
    ("Who wrote the novel Oliver Twist?", "Charles Dickens"),
    ("Who wrote the novel War and Peace?", "Leo Tolstoy"),
    ("Who wrote the Harry Potter books?", "J. K. Rowling"),
    ("Who wrote The Adventures of Tom Sawyer?", "Mark Twain"),
    ("Who wrote the Odyssey, by tradition?", "Homer"),
)

ARTISTS: Table = (
    ("Who painted the Mona Lisa?", "Leonardo da Vinci"),
    ("Who painted The Starry Night?", "Vincent van Gogh"),
    ("Who painted Guernica?", "Pablo Picasso"),
    ("Who painted the ceiling of the Sistine Chapel?", "Michelangelo"),
    ("Who composed the Moonlight Sonata?", "Ludwig van Beethoven"),
    ("Who composed the opera The Magic Flute?", "Wolfgang Amadeus Mozart"),
)

SCIENTISTS: Table = (
    ("Who developed the theory of relativity?", "Albert Einstein"),
    ("Who described the laws of motion and gravity in 1687?", "Isaac Newton"),
    ("Who developed the theory of evolution by natural selection?", "Charles Darwin"),
    ("Who discovered radium and polonium?", "Marie Curie"),
    ("Who discovered penicillin?", "Alexander Fleming"),
    ("Who patented the telephone in 1876?", "Alexander Graham Bell"),
)

LEADERS: Table = (
    ("Who was the first president of the United States?", "George Washington"),
    ("Who was president of the United States during its Civil War?", "Abraham Lincoln"),
    ("Who led India to independence without violence?", "Mahatma Gandhi"),
    ("Who was the first black president of South Africa?", "Nelson Mandela"),
    ("Who was crowned emperor of the French in 1804?", "Napoleon Bonaparte"),
    ("Who gave the speech known as I Have a Dream?", "Martin Luther King"),
    ("Who was prime minister of Britain for most of World War II?", "Winston Churchill"),
)

EXPLORERS: Table = (
    ("Who was the first person to walk on the Moon?", "Neil Armstrong"),
    ("Who sailed from Spain to America in 1492?", "Christopher Columbus"),
    ("Who led the first fleet from Europe across the Pacific Ocean?", "Ferdinand Magellan"),
    ("Who traveled from Venice to China in the 13th century?", "Marco Polo"),
)

SUBJECTS = ("biology", "geography", "history", "vocabulary")
"""Each has its own task, `mini_mmlu_<subject>.yaml`."""


def items(subject: str) -> list[Doc]:
    """Return a subject's 30 items: four choices, the wrong ones akin to the right one."""
    rng = seeded(f"mini_mmlu_{subject}")
    return place_answers(_questions(subject, rng), rng)


def dataset(subject: str, **_: object) -> dict[str, Any]:
    """Return one subject's items as lm-eval wants them."""
    return as_test_split(items(subject))


def _questions(subject: str, rng: Random) -> list[Question]:
    if subject == "vocabulary":
        return list(_opposites(rng))
    tables: Mapping[str, Sequence[Table]] = {
        "biology": (CELLS, BODY, NUTRIENTS, ORGANISMS),
        "geography": tuple(_capitals(region) for region in CAPITALS.values()),
        "history": (WRITERS, ARTISTS, SCIENTISTS, LEADERS, EXPLORERS),
    }
    return draw_distractors(tables[subject], choices=4, rng=rng, count=ITEMS_PER_SUBJECT)


def _capitals(region: Mapping[str, str]) -> Table:
    return tuple((f"What is the capital of {land}?", city) for land, city in region.items())


def _opposites(rng: Random) -> Iterator[Question]:
    """Ask for each opposite, among the word of like meaning and two opposites of other words."""
    for word in rng.sample(list(OPPOSITES), ITEMS_PER_SUBJECT):
        opposite, like = OPPOSITES[word]
        others = [other for other, _ in OPPOSITES.values() if other != opposite]
        yield Question(f"What is the opposite of {word}?", opposite, (like, *rng.sample(others, 2)))
