"""A pipeline that is saved and loaded again is an equal one, whatever operators it is made of."""

from hypothesis import Phase, given, settings

import skorche
from skorche.spec.outline import outline

from . import functions
from .functions import pipelines

FUNCTIONS = [functions, functions.Plain]


@settings(max_examples=200, phases=[Phase.explicit, Phase.generate])  # shrinking what PyYAML reads takes minutes
@given(pipelines())
def test_a_random_pipeline_comes_back_equal(pipeline):
    text = pipeline.to_yaml()

    loaded = skorche.load(text, functions=FUNCTIONS)

    assert outline(loaded.graph) == outline(pipeline.graph)
    assert loaded.to_yaml() == text
