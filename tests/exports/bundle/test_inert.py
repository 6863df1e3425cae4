"""What others wrote is never run by `monai.bundle`."""

import pytest
from monai.bundle import ConfigParser

from orienteer.errors import InputError
from orienteer.exports.bundle.configs import network_definition
from orienteer.exports.bundle.inert import inert

HOSTILE = ["$[][1]", "@nothing", "%nothing", "@##b", "%##nothing", "@::b", "x@#b", "$@#b", "@$x", "'$[][1]"]


@pytest.mark.parametrize("text", HOSTILE)
def test_names_of_classes_are_read_as_they_are(text):
    parser = ConfigParser({"channel_def": inert({"0": "background", "1": text}), "b": 3})
    read = parser.get_parsed_content("channel_def")
    marks = str.maketrans("", "", "@%$'")
    assert read["1"].translate(marks) == text.replace("#", "::").translate(marks)  # MONAI reads "#" as "::" everywhere
    assert isinstance(read["1"], str)


@pytest.mark.parametrize("text", ["liver", "50 % of it", "a@b", "Läsion", "cost: 3 $"])
def test_ordinary_names_stay_as_they_are(text):
    assert inert([text]) == [text]
    assert ConfigParser({"a": inert([text])}).get_parsed_content("a") == [text]


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": "$[][1]"},
        {"filters": ["@b"]},
        {"norm": {"_target_": "os.getcwd"}},
        {"norm": ("group", {"a": "%b"})},
        {"conv_op": "torch.nn.Conv3d if [][1] else 0"},
        {"_requires_": "x"},
        {"_disabled_": True},
    ],
)
def test_arguments_that_would_be_run_are_refused(arguments):
    if "conv_op" in arguments:  # a name of a class and nothing more becomes an expression
        assert network_definition("a.B", arguments, enlarged=False)["conv_op"] == arguments["conv_op"]
        return
    with pytest.raises(
        InputError, match=r"target_arguments: wanted plain values, got .*check where the model comes from"
    ):
        network_definition("a.B", arguments, enlarged=False)
