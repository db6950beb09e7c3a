"""mini_hellaswag: what somebody does next in an everyday activity."""

from __future__ import annotations

from typing import Any

from forget_benchmarks.mini.build import (
    Doc,
    Table,
    as_test_split,
    draw_distractors,
    place_answers,
    seeded,
)

COOKING: Table = (
    (
        "Making tea: A woman boils water and puts a tea bag in a cup. She",
        "pours the hot water into the cup.",
    ),
    (
        "Frying eggs: A man heats oil in a pan and takes two eggs. He",
        "cracks the eggs into the pan.",
    ),
    ("Making a sandwich: A boy puts cheese on a slice of bread. He", "lays a second slice on top."),
    (
        "Baking cookies: A girl shapes the dough into small balls. She",
        "places them on a tray and puts it in the oven.",
    ),
    (
        "Making salad: A woman washes lettuce and cuts tomatoes. She",
        "mixes them in a bowl and adds dressing.",
    ),
    (
        "Cooking pasta: A man brings a pot of salted water to a boil. He",
        "adds the noodles and stirs.",
    ),
    ("Eating an orange: A girl holds an orange in her hand. She", "peels it and eats the pieces."),
    (
        "Making popcorn: A man puts a bag of corn into the microwave. He",
        "waits until the popping slows down.",
    ),
    (
        "Making lemonade: A boy squeezes four lemons into a jug. He",
        "stirs in cold water and sugar.",
    ),
    (
        "Grilling: A man lights the charcoal and waits for it to get hot. He",
        "puts the burgers on the grill.",
    ),
)

SPORTS: Table = (
    (
        "Bowling: A man picks up a heavy ball and walks to the lane. He",
        "rolls the ball toward the pins.",
    ),
    (
        "Basketball: A girl dribbles the ball toward the basket. She",
        "jumps and throws it through the hoop.",
    ),
    ("Soccer: A boy places the ball for a penalty. He", "kicks the ball into the net."),
    ("Diving: A woman stands at the end of a high board. She", "jumps and enters the water."),
    (
        "Archery: A man puts an arrow on the string and aims. He",
        "lets go and the arrow hits the target.",
    ),
    (
        "Baseball: A boy holds the bat and watches the pitcher. He",
        "swings the bat and runs to base.",
    ),
    (
        "Weight lifting: A woman grips the bar with both hands. She",
        "lifts the weight into the air.",
    ),
    ("Running: A girl kneels at the starting line. She", "hears the shot and starts to run."),
    (
        "Skiing: A woman rides the lift to the top of the mountain. She",
        "skis down the snowy slope.",
    ),
    ("Tennis: A man throws the ball up to serve. He", "hits it over the net with a racket."),
    ("Ice skating: A girl ties her skates and steps onto the ice. She", "glides around the rink."),
    (
        "Surfing: A man paddles out on his board and sees a wave. He",
        "stands up and rides it to the beach.",
    ),
)

HOUSEHOLD: Table = (
    (
        "Washing dishes: A man fills the sink with warm water. He",
        "scrubs the plates with a sponge.",
    ),
    ("Brushing teeth: A boy puts toothpaste on his brush. He", "moves it over all of the teeth."),
    (
        "Doing laundry: A woman takes the wet clothes out of the machine. She",
        "hangs them up to dry.",
    ),
    ("Ironing: A man lays a wrinkled shirt on the board. He", "moves the hot iron over the cloth."),
    (
        "Washing a car: A woman sprays the car with a hose. She",
        "rubs the doors and the roof with soap.",
    ),
    ("Painting a wall: A man opens a can and dips his brush. He", "spreads the paint on the wall."),
    ("Shaving: A man covers his cheeks with foam. He", "moves the razor over the skin."),
    ("Mopping: A woman dips the mop into a bucket of water. She", "wipes the floor with it."),
    ("Making the bed: A girl pulls the sheet flat. She", "puts the pillow and the blanket on top."),
    (
        "Wrapping a present: A woman folds paper around the box. She",
        "closes it with tape and adds a ribbon.",
    ),
    (
        "Washing hair: A boy rubs shampoo into his wet hair. He",
        "rinses the shampoo out with water.",
    ),
)

OUTDOORS: Table = (
    ("Planting a tree: A man digs a deep hole. He", "sets the tree in it and fills in the soil."),
    (
        "Mowing the lawn: A woman pulls the cord and the engine starts. She",
        "pushes the mower over the grass.",
    ),
    ("Fishing: A man puts a worm on the hook. He", "casts the line into the lake."),
    ("Walking the dog: A girl puts a leash on her dog. She", "walks with it to the park."),
    ("Camping: A man finds a flat place in the woods. He", "puts up the tent."),
    ("Feeding ducks: A boy takes bread out of a bag at the pond. He", "throws it to the ducks."),
    (
        "Building a snowman: A girl rolls three big balls of snow. She",
        "stacks them and adds a carrot nose.",
    ),
    ("Raking leaves: A man pulls the dry leaves together. He", "puts the pile into a bag."),
    ("Riding a bike: A girl puts on her helmet and sits on the seat. She", "pedals down the road."),
    (
        "Flying a kite: A boy runs into the wind and holds the string. He",
        "watches the kite rise into the sky.",
    ),
    (
        "Picking apples: A woman climbs a ladder into the tree. She",
        "drops the ripe fruit into a basket.",
    ),
    ("Shoveling snow: A man goes out after the storm. He", "clears the driveway with a shovel."),
)

IN_TOWN: Table = (
    (
        "Buying food: A woman fills her cart in the supermarket. She",
        "lays the food on the belt and pays.",
    ),
    (
        "Taking a bus: A man waits at the stop until the bus comes. He",
        "gets in and shows a ticket.",
    ),
    ("Borrowing a book: A girl finds a novel in the library. She", "takes it to the librarian."),
    (
        "Seeing a doctor: A boy with a sore throat waits for the nurse. He",
        "opens wide and says aah.",
    ),
    ("Getting a haircut: A man sits down in the barber's chair. He", "asks for a short cut."),
    ("Ordering dinner: A man sits down and reads the menu. He", "tells the waiter what to bring."),
    (
        "Sending a letter: A woman writes the address on the envelope. She",
        "adds a stamp and drops it in the mailbox.",
    ),
    (
        "Crossing the street: A boy waits until the light turns green. He",
        "looks both ways and walks across.",
    ),
    ("Seeing a movie: A girl buys a ticket and popcorn. She", "finds a seat in the dark theater."),
    (
        "Catching a flight: A woman hands over her suitcase at the airport. She",
        "walks to the gate and boards the plane.",
    ),
)

TABLES = (COOKING, SPORTS, HOUSEHOLD, OUTDOORS, IN_TOWN)


def items() -> list[Doc]:
    """Return the 100 items: four endings, distractors from activities of the same table."""
    rng = seeded("mini_hellaswag")
    return place_answers(draw_distractors(TABLES, choices=4, rng=rng), rng)


def dataset(**_: object) -> dict[str, Any]:
    """Return the items as lm-eval wants them; the task's metadata is not needed."""
    return as_test_split(items())
