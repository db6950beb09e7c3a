"""mini_winogrande: which of two things a blank stands for, in pairs of twin sentences."""

from __future__ import annotations

from typing import Any, NamedTuple

from forget_benchmarks.mini.build import Doc, as_test_split, seeded


class Twins(NamedTuple):
    """One beginning and two ends; each end makes the blank stand for another thing."""

    beginning: str
    first: str
    end_for_first: str
    second: str
    end_for_second: str


TWINS = (
    Twins(
        "The knife cut the butter easily because the", "knife", "was sharp", "butter", "was soft"
    ),
    Twins("The egg broke on the rock because the", "egg", "was fragile", "rock", "was hard"),
    Twins("The car passed the bicycle because the", "car", "was fast", "bicycle", "was slow"),
    Twins(
        "The candle melted in the sun because the",
        "candle",
        "was made of wax",
        "sun",
        "was very hot",
    ),
    Twins(
        "The teacher helped the student because the",
        "teacher",
        "knew the answer",
        "student",
        "did not understand the lesson",
    ),
    Twins(
        "The doctor treated the patient because the",
        "doctor",
        "had the right medicine",
        "patient",
        "was very sick",
    ),
    Twins(
        "The lion caught the rabbit because the",
        "lion",
        "was hungry",
        "rabbit",
        "was too slow to escape",
    ),
    Twins(
        "The cat chased the mouse until the",
        "cat",
        "was too tired to hunt",
        "mouse",
        "hid in a small hole",
    ),
    Twins(
        "The police officer chased the thief because the",
        "officer",
        "wanted to arrest him",
        "thief",
        "had stolen a bag",
    ),
    Twins(
        "The mother fed the baby because the",
        "mother",
        "had made some food",
        "baby",
        "was crying for milk",
    ),
    Twins("The farmer sold the cow because the", "farmer", "needed money", "cow", "gave no milk"),
    Twins(
        "The singer thanked the audience because the",
        "singer",
        "was proud of her concert",
        "audience",
        "clapped loudly",
    ),
    Twins(
        "The waiter brought the guest a menu because the",
        "waiter",
        "was working that evening",
        "guest",
        "wanted to order dinner",
    ),
    Twins(
        "The book did not fit in the bag because the", "book", "was too big", "bag", "was too small"
    ),
    Twins(
        "The table did not fit through the door because the",
        "table",
        "was too wide",
        "door",
        "was too narrow",
    ),
    Twins(
        "We drank the juice and not the coffee because the",
        "juice",
        "was fresh and sweet",
        "coffee",
        "was too bitter",
    ),
    Twins(
        "We ate the soup and left the bread because the",
        "soup",
        "was hot and tasty",
        "bread",
        "was old and dry",
    ),
    Twins(
        "The pillow is better to sleep on than the stone because the",
        "pillow",
        "is soft",
        "stone",
        "is hard",
    ),
    Twins("Wear the coat and not the shirt, because the", "coat", "is warm", "shirt", "is thin"),
    Twins(
        "The truck pulled the boat because the",
        "truck",
        "had a strong engine",
        "boat",
        "was stuck on the beach",
    ),
    Twins(
        "The dog barked at the mailman because the",
        "dog",
        "was guarding the house",
        "mailman",
        "was carrying a package",
    ),
    Twins(
        "The bird ate the worm because the",
        "bird",
        "was hungry",
        "worm",
        "had crawled out of the soil",
    ),
    Twins(
        "The hose put out the fire because the",
        "hose",
        "sprayed a lot of water",
        "fire",
        "was still small",
    ),
    Twins(
        "The barber cut the man's hair because the",
        "barber",
        "was good with scissors",
        "man",
        "wanted a new look",
    ),
    Twins(
        "The lawyer defended her client because the",
        "lawyer",
        "was paid for her work",
        "client",
        "was accused of a crime",
    ),
    Twins(
        "The plumber repaired the pipe because the",
        "plumber",
        "had the right tools",
        "pipe",
        "was leaking",
    ),
    Twins(
        "The baker threw the bread away because the",
        "baker",
        "could not sell it",
        "bread",
        "was burned",
    ),
    Twins(
        "The judge sent the criminal to prison because the",
        "judge",
        "applied the law",
        "criminal",
        "was guilty",
    ),
    Twins(
        "The pilot landed the plane because the", "pilot", "saw a storm", "plane", "was low on fuel"
    ),
    Twins("The lamp lit up the room because the", "lamp", "was bright", "room", "was dark"),
    Twins(
        "The umbrella kept the girl dry because the",
        "umbrella",
        "was waterproof",
        "girl",
        "stayed under it",
    ),
    Twins(
        "The sponge soaked up the water because the",
        "sponge",
        "was dry",
        "water",
        "was spilled on the table",
    ),
    Twins(
        "The gardener watered the plant because the",
        "gardener",
        "loved flowers",
        "plant",
        "was dry",
    ),
    Twins(
        "The hunter followed the deer because the",
        "hunter",
        "was looking for meat",
        "deer",
        "had left fresh tracks",
    ),
    Twins(
        "The boy paid the shopkeeper because the",
        "boy",
        "wanted to buy candy",
        "shopkeeper",
        "asked for the money",
    ),
    Twins(
        "The nurse woke the patient because the",
        "nurse",
        "had to check his heart",
        "patient",
        "was asleep",
    ),
    Twins(
        "The train was better than the bus because the",
        "train",
        "was fast and quiet",
        "bus",
        "was stuck in traffic",
    ),
    Twins(
        "The battery was put into the radio because the",
        "battery",
        "was fully charged",
        "radio",
        "made no sound",
    ),
    Twins(
        "The key did not open the lock because the", "key", "was bent", "lock", "was frozen shut"
    ),
    Twins(
        "The ladder did not reach the roof because the",
        "ladder",
        "was too short",
        "roof",
        "was too high",
    ),
    Twins(
        "The ship hit the iceberg because the",
        "ship",
        "was sailing too fast",
        "iceberg",
        "was floating in its way",
    ),
    Twins(
        "The tourist asked the guide a question because the",
        "tourist",
        "was lost",
        "guide",
        "knew the city well",
    ),
    Twins(
        "The coach praised the player because the",
        "coach",
        "was pleased with his team",
        "player",
        "scored a goal",
    ),
    Twins(
        "The chef washed the pan because the", "chef", "wanted to cook again", "pan", "was dirty"
    ),
    Twins(
        "The grandmother told the child a story because the",
        "grandmother",
        "remembered many tales",
        "child",
        "could not fall asleep",
    ),
    Twins(
        "The magnet picked up the nail because the",
        "magnet",
        "was strong",
        "nail",
        "was made of iron",
    ),
    Twins("The axe split the log because the", "axe", "was sharp", "log", "was dry"),
    Twins(
        "The spider caught the fly because the",
        "spider",
        "had built a web",
        "fly",
        "flew into the web",
    ),
    Twins(
        "The tailor fixed the jacket because the",
        "tailor",
        "was good at sewing",
        "jacket",
        "had a hole",
    ),
    Twins(
        "The dentist pulled out the tooth because the",
        "dentist",
        "could not save it",
        "tooth",
        "was rotten",
    ),
)


def items() -> list[Doc]:
    """Return the 100 items: both twins of each sentence; no beginning favors an option."""
    rng = seeded("mini_winogrande")
    docs = []
    for number, twins in enumerate(rng.sample(TWINS, len(TWINS))):
        # Both twins list the options in one order, so each position is right exactly once.
        options = [twins.first, twins.second][:: 1 if number % 2 else -1]
        for option, end in (
            (twins.first, twins.end_for_first),
            (twins.second, twins.end_for_second),
        ):
            docs.append(
                {
                    "choices": [f"{twins.beginning} {choice}" for choice in options],
                    "end": f"{end}.",
                    "answer": options.index(option),
                }
            )
    return rng.sample(docs, len(docs))


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())
