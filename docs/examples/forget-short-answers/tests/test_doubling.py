"""The dataset keeps what forget expects of every dataset."""

from forget_short_answers.doubling import Doubling

from forget.testing import DatasetConformance


class TestDoubling(DatasetConformance):
    """A dataset that reads rows names them too, as `data`."""

    dataset = Doubling()
