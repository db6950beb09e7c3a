"""The teacher keeps what forget expects of every teacher."""

from forget_short_answers.parrot import Parrot

from forget.testing import TeacherConformance


class TestParrot(TeacherConformance):
    """It knows one answer to each prompt, whatever the seed."""

    teacher = Parrot()
    samples = False
