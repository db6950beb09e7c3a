"""mini_mmlu: what one learns at school, in four subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forget_benchmarks.mini.build import (
    Doc,
    Table,
    as_test_split,
    draw_distractors,
    place_answers,
    seeded,
)

ITEMS_PER_SUBJECT = 30

CAPITALS = {
    "Mongolia": "Ulaanbaatar", "Nepal": "Kathmandu", "Laos": "Vientiane", "Kazakhstan": "Astana",
    "Uzbekistan": "Tashkent", "Azerbaijan": "Baku", "Armenia": "Yerevan", "Jordan": "Amman",
    "Oman": "Muscat", "Qatar": "Doha", "Ghana": "Accra", "Senegal": "Dakar", "Mali": "Bamako",
    "Uganda": "Kampala", "Zambia": "Lusaka", "Zimbabwe": "Harare", "Angola": "Luanda",
    "Mozambique": "Maputo", "Ethiopia": "Addis Ababa", "Libya": "Tripoli", "Namibia": "Windhoek",
    "Rwanda": "Kigali", "Uruguay": "Montevideo", "Ecuador": "Quito", "Nicaragua": "Managua",
    "Latvia": "Riga", "Lithuania": "Vilnius", "Bulgaria": "Sofia", "Albania": "Tirana",
    "Slovenia": "Ljubljana",
}  # fmt: skip

OPPOSITES = {
    "hot": "cold", "big": "small", "fast": "slow", "happy": "sad", "dark": "light",
    "rich": "poor", "strong": "weak", "early": "late", "empty": "full", "hard": "soft",
    "wet": "dry", "open": "closed", "old": "young", "high": "low", "clean": "dirty",
    "temporary": "permanent", "visible": "invisible", "wide": "narrow", "brave": "cowardly",
    "cheap": "expensive", "scarce": "abundant", "safe": "dangerous", "true": "false",
    "deep": "shallow", "smooth": "rough", "sharp": "dull", "guilty": "innocent",
    "humble": "arrogant", "polite": "rude", "generous": "selfish",
}  # fmt: skip

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
    ("Which organisms turn sugar into alcohol?", "yeast"),
    ("Which organisms turn milk into yogurt?", "bacteria"),
    ("Which animals are the closest living relatives of humans?", "chimpanzees"),
    ("Which animals died out 66 million years ago?", "dinosaurs"),
    ("Which animals begin their lives as tadpoles?", "frogs"),
    ("Which animals have eight legs?", "spiders"),
    ("Which plants grow needles and cones?", "pine trees"),
)

PEOPLE: Table = (
    ("Who wrote the play Romeo and Juliet?", "William Shakespeare"),
    ("Who painted the Mona Lisa?", "Leonardo da Vinci"),
    ("Who was the first president of the United States?", "George Washington"),
    ("Who developed the theory of relativity?", "Albert Einstein"),
    ("Who described the laws of motion and gravity in 1687?", "Isaac Newton"),
    ("Who developed the theory of evolution by natural selection?", "Charles Darwin"),
    ("Who was the first person to walk on the Moon?", "Neil Armstrong"),
    ("Who sailed from Spain to America in 1492?", "Christopher Columbus"),
    ("Who was president of the United States during its Civil War?", "Abraham Lincoln"),
    ("Who led India to independence without violence?", "Mahatma Gandhi"),
    ("Who was the first black president of South Africa?", "Nelson Mandela"),
    ("Who discovered radium and polonium?", "Marie Curie"),
    ("Who discovered penicillin?", "Alexander Fleming"),
    ("Who wrote the novel Pride and Prejudice?", "Jane Austen"),
    ("Who wrote the novel Oliver Twist?", "Charles Dickens"),
    ("Who wrote the novel War and Peace?", "Leo Tolstoy"),
    ("Who composed the Moonlight Sonata?", "Ludwig van Beethoven"),
    ("Who composed the opera The Magic Flute?", "Wolfgang Amadeus Mozart"),
    ("Who painted The Starry Night?", "Vincent van Gogh"),
    ("Who painted Guernica?", "Pablo Picasso"),
    ("Who painted the ceiling of the Sistine Chapel?", "Michelangelo"),
    ("Who was crowned emperor of the French in 1804?", "Napoleon Bonaparte"),
    ("Who gave the speech known as I Have a Dream?", "Martin Luther King"),
    ("Who was prime minister of Britain for most of World War II?", "Winston Churchill"),
    ("Who patented the telephone in 1876?", "Alexander Graham Bell"),
    ("Who founded the company Microsoft with Paul Allen?", "Bill Gates"),
    ("Who wrote the Harry Potter books?", "J. K. Rowling"),
    ("Who wrote The Adventures of Tom Sawyer?", "Mark Twain"),
    ("Who wrote the Odyssey, by tradition?", "Homer"),
    ("Who taught Alexander the Great?", "Aristotle"),
)

SUBJECTS: Mapping[str, tuple[Table, ...]] = {
    "biology": (CELLS, BODY, NUTRIENTS, ORGANISMS),
    "geography": (
        tuple((f"What is the capital of {land}?", city) for land, city in CAPITALS.items()),
    ),
    "history": (PEOPLE,),
    "vocabulary": (
        tuple((f"What is the opposite of {word}?", other) for word, other in OPPOSITES.items()),
    ),
}
"""Tables of the subjects. Each has its own task, `mini_mmlu_<subject>.yaml`."""


def items(subject: str) -> list[Doc]:
    """Return a subject's 30 items: four choices, distractors from the fact's own table."""
    rng = seeded(f"mini_mmlu_{subject}")
    questions = draw_distractors(SUBJECTS[subject], choices=4, rng=rng, count=ITEMS_PER_SUBJECT)
    return place_answers(questions, rng)


def dataset(subject: str, **_: object) -> dict[str, Any]:
    """Return one subject's items as lm-eval wants them."""
    return as_test_split(items(subject))
