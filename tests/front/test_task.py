"""`@skorche.task`: functions that know how they run, under names people recognise."""

import functools

import pytest

import skorche
from skorche import GraphError, Pipeline, Queue, Task


def add_one(number):
    """One more."""
    return number + 1


def names_of(pipeline: Pipeline) -> list[str]:
    return [node.name for node in pipeline.graph.nodes]


def test_a_task_can_be_called_as_the_function_it_is():
    inc = skorche.task(add_one)

    assert inc(1) == 2


@pytest.mark.parametrize("decorate", [skorche.task, skorche.task(), skorche.task(max_workers=2)])
def test_the_name_is_the_functions_with_or_without_parentheses(decorate):
    inc = decorate(add_one)

    assert isinstance(inc, Task)
    assert inc.name == "add_one"


def test_a_name_can_be_given():
    inc = skorche.task(name="inc")(add_one)

    assert (inc.name, inc(1)) == ("inc", 2)


def test_a_lambda_is_called_lambda():
    assert skorche.task(lambda item: item).name == "<lambda>"


def test_a_partial_is_called_by_its_function():
    assert skorche.task(functools.partial(add_one)).name == "add_one"


def test_a_callable_object_is_called_by_its_class():
    class Adder:
        def __call__(self, number):
            return number + 1

    assert skorche.task(Adder()).name == "Adder"


def test_a_task_keeps_what_the_function_says_of_itself():
    inc = skorche.task(add_one)

    assert (inc.__name__, inc.__doc__, inc.__wrapped__) == ("add_one", "One more.", add_one)


def test_methods_and_builtins_are_tasks_too():
    words = []

    with Pipeline() as pipeline:
        sizes = skorche.chain([str.upper, len], Queue(fixed_inputs=["ab"]))
        skorche.map(words.append, sizes)
    pipeline.run(engine="inline").wait()

    assert words == [2]


def test_a_task_that_is_decorated_again_has_both_options():
    first = skorche.task(retries=3, max_workers=2)(add_one)

    both = skorche.task(max_workers=8, name="wide")(first)

    assert (both.name, both.settings.retries, both.settings.max_workers) == ("wide", 3, 8)
    assert (first.name, first.settings.max_workers) == ("add_one", 2)
    assert skorche.task(first).settings == first.settings


class Shop:
    """What it sells has its price in `rate`."""

    def __init__(self, rate):
        self.rate = rate

    @skorche.task(max_workers=2, name="in euros")
    def price(self, amount):
        return self.rate * amount

    @skorche.task
    async def price_later(self, amount):
        return self.rate * amount

    @skorche.task
    @staticmethod
    def rounded(price):
        return round(price)

    sizes = skorche.task(functools.partial(add_one))


@pytest.mark.parametrize("method", [Shop(1.5).price, Shop(1.5).price_later])
@pytest.mark.parametrize("engine", ["inline", "thread", "process"])
def test_a_method_can_be_decorated(method, engine):
    with Pipeline() as pipeline:
        prices = skorche.chain([method, Shop(3).rounded], Queue(fixed_inputs=[1, 3]))
    pipeline.run(engine=engine).wait()

    assert prices.flush() == [2, 4]


def test_a_decorated_method_is_called_with_its_object():
    shop = Shop(2)

    assert (shop.price(3), shop.rounded(2.5), shop.sizes(1)) == (6, 2, 2)
    assert (Shop.price(shop, 4), Shop.price.name, shop.price.settings.max_workers) == (8, "in euros", 2)


def test_what_is_not_told_is_as_the_design_says():
    settings = skorche.task(add_one).settings

    assert (settings.retries, settings.backoff, settings.retry_on, settings.timeout) == (0, 0.5, Exception, None)
    assert (settings.ordered, settings.idempotent, settings.isolate) == (False, True, False)


def test_each_binding_is_a_node_with_a_name_of_its_own():
    inc = skorche.task(name="inc")(add_one)

    with Pipeline() as pipeline:
        skorche.chain([inc, inc, inc.options(tag="wide")], Queue())

    assert names_of(pipeline) == ["inc", "inc(2)", "inc(wide)"]


def test_two_bindings_with_one_tag_are_told_apart():
    wide = skorche.task(name="inc", tag="wide")(add_one)

    with Pipeline() as pipeline:
        skorche.chain([wide, wide], Queue())

    assert names_of(pipeline) == ["inc(wide)", "inc(wide)(2)"]


def test_names_are_unique_per_pipeline_only():
    inc = skorche.task(name="inc")(add_one)

    with Pipeline() as first:
        skorche.map(inc, Queue())
    with Pipeline() as second:
        skorche.map(inc, Queue())

    assert names_of(first) == names_of(second) == ["inc"]


def test_options_give_a_changed_copy():
    inc = skorche.task(retries=2)(add_one)

    wide = inc.options(max_workers=4)

    assert (wide.settings.max_workers, wide.settings.retries, wide.name) == (4, 2, "add_one")
    assert inc.settings.max_workers is None


def test_options_can_change_the_name():
    inc = skorche.task(add_one).options(name="inc")

    assert inc.name == "inc"


def test_bind_fixes_keyword_arguments():
    @skorche.task(retries=2)
    def scale(number, by=1, plus=0):
        return number * by + plus

    triple = scale.bind(by=3).bind(plus=1)

    assert (triple(5), scale(5)) == (16, 5)
    assert (triple.name, triple.settings.retries) == ("scale", 2)


def test_an_option_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(GraphError) as caught:
        skorche.task(retrys=3)

    assert caught.value.what == "a task was given the option 'retrys'."
    assert caught.value.why.startswith("the options are engine, max_workers, retries, backoff, retry_on, timeout, ")
    assert caught.value.mend == "Did you mean 'retries'? Otherwise leave it out."


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("retry", "'retries'"),
        ("n_jobs", "'max_workers'"),
        ("backend", "'engine'"),
        ("rate", "limits=[skorche.rate('name', 5, per=1)]"),
        ("store", "cache=True, and run(store='folder/')"),
    ],
)
def test_an_option_by_the_name_that_others_give_it_is_known(option, meant):
    with pytest.raises(GraphError) as caught:
        skorche.task(**{option: 3})

    assert caught.value.mend == f"Did you mean {meant}? Otherwise leave it out."


def test_a_dict_is_unpacked_into_arguments_by_their_names():
    @skorche.task(unpack=True)
    def label(word, times=1):
        return word * times

    with skorche.Pipeline() as pipeline:
        items = [{"word": "a", "times": 3}, {"word": "b"}, ("c", 2), {"times": 2}]
        labels = skorche.map(label, skorche.Queue(fixed_inputs=items))
    report = pipeline.run(on_error="collect").wait(20)

    assert labels.flush() == ["aaa", "b", "cc"]
    assert [failure.item for failure in report.failures] == [{"times": 2}]


def test_who_inherits_from_a_class_that_is_a_task_inherits_from_the_class():
    @skorche.task(max_workers=2)
    class Scale:
        def __call__(self, number):
            return 2 * number

    class Shifted(Scale):
        def __call__(self, number):
            return super().__call__(number) + 1

    assert Shifted()(5) == 11
    assert Shifted.__mro__ == (Shifted, Scale.__wrapped__, object)


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        ("max_workers", 0, "1 or more workers"),
        ("retries", -1, "0 or more retries"),
        ("backoff", -0.1, "0 or more seconds"),
        ("timeout", 0, "more than 0 seconds, or None"),
        ("on_error", "ignore", "'raise', 'collect' or None"),
    ],
)
def test_a_value_without_meaning_is_refused(option, value, wanted):
    with pytest.raises(GraphError) as caught:
        skorche.task(**{option: value})(add_one)

    assert str(caught.value) == (
        f"a task was given {option}={value!r}.\n  Why:  it has no meaning.\n  Mend: give {wanted}."
    )


def test_a_task_says_where_it_was_declared():
    inc = skorche.task(add_one)

    assert repr(inc) == f"<Task add_one at {__file__}:{add_one.__code__.co_firstlineno}>"


# -- classes ---------------------------------------------------------------------------------------------------------


@skorche.task(max_workers=3)
class Scaler:
    """Scales."""

    made = 0

    def __init__(self, by=2):
        Scaler.__wrapped__.made += 1
        self.by = by

    def __call__(self, number, plus=0):
        return self.by * number + plus


def test_calling_a_decorated_class_gives_a_task_and_makes_nothing():
    made = Scaler.__wrapped__.made

    task = Scaler(by=5)

    assert isinstance(task, Task)
    assert (task.name, task.settings.max_workers) == ("Scaler", 3)
    assert Scaler.__wrapped__.made == made


def test_such_a_task_can_be_called_with_an_instance_of_its_own():
    made = Scaler.__wrapped__.made

    task = Scaler(5)

    assert [task(1), task(2), task.bind(plus=1)(3)] == [5, 10, 16]
    assert Scaler.__wrapped__.made == made + 1


def test_a_decorated_class_keeps_what_the_class_says_of_itself():
    assert (Scaler.name, Scaler.__name__, Scaler.__doc__) == ("Scaler", "Scaler", "Scales.")
    assert isinstance(Scaler.__wrapped__, type)


def test_a_decorated_class_has_options_of_its_own():
    wide = Scaler.options(max_workers=8, name="wide")

    assert (wide(5).settings.max_workers, wide(5).name, wide(5)(2)) == (8, "wide", 10)
    assert Scaler(5).settings.max_workers == 3


def test_a_class_that_is_not_decorated_makes_an_object_of_each_item():
    class Box:
        def __init__(self, item):
            self.item = item

        def __call__(self):
            return self.item

    with Pipeline() as pipeline:
        out = skorche.map(Box, Queue(fixed_inputs=[1, 2]))
    pipeline.run(engine="inline").wait()

    assert [box() for box in out.flush()] == [1, 2]


def test_a_class_whose_objects_cannot_be_called_is_a_function_of_each_item():
    whole = skorche.task(max_workers=2)(int)

    with Pipeline() as pipeline:
        out = skorche.map(whole, Queue(fixed_inputs=["1", "2"]))
    pipeline.run(engine="inline").wait()

    assert (out.flush(), whole("3")) == ([1, 2], 3)


def test_a_class_whose_close_alone_is_async_is_refused():
    class Half:
        def __call__(self, item):
            return item

        async def close(self):
            pass

    with pytest.raises(GraphError) as caught:
        skorche.task(Half)

    assert str(caught.value) == (
        "close() of Half is async, and its __call__ is not.\n"
        "  Why:  it runs where there is no event loop, so nobody could await its end.\n"
        "  Mend: make both of them async, or neither."
    )


@pytest.mark.parametrize(
    "option",
    [{"retry_on": [KeyError]}, {"retry_on": "KeyError"}, {"retries": "3"}, {"timeout": "1"}, {"max_workers": 1.5}],
)
def test_an_option_of_another_kind_is_refused_when_it_is_given(option):
    (name,) = option
    with pytest.raises(skorche.GraphError, match=f"a task was given {name}="):
        skorche.task(**option)(abs)


def test_an_argument_that_the_function_does_not_have_is_refused_when_it_is_bound():
    def parse(text, column="a"):
        return text, column

    with pytest.raises(skorche.GraphError, match="was given the argument 'colum'") as caught:
        skorche.task(parse).bind(colum="price")
    assert caught.value.mend == "Did you mean 'column'? Otherwise leave it out."

    def anything(text, **options):
        return text, options

    assert skorche.task(anything).bind(colum=1)("a") == ("a", {"colum": 1})
    assert skorche.task(int).bind(base=2)("11") == 3
