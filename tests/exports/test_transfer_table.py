"""The table of an export lists every tensor once, whatever the number of its names."""

import torch
from torch import nn

from orienteer.exports.transfer_table import (
    LOADED,
    NEW,
    SECOND_NAMES,
    TransferRow,
    count_numbers,
    encoder_rows,
    network_rows,
    transfer_table,
)
from tests.helpers.small_encoders import SMALL


def test_rows_of_a_network_list_every_name_and_count_every_number_once() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 4))
    network.again = network[0]
    rows = network_rows(network, {"0.weight": "", "0.bias": "zero"}, output_layer={"1.weight", "1.bias"})
    assert sorted(name for row in rows for name in row.names) == sorted(network.state_dict())
    assert sum(row.numbers for row in rows) == sum(parameter.numel() for parameter in network.parameters())
    assert [(row.part, row.what, row.why) for row in rows] == [
        ("0", LOADED, ""),
        ("0", LOADED, "zero"),
        ("1", NEW, "output layer"),
        ("again", NEW, SECOND_NAMES),
    ]


def test_the_row_of_an_encoder_holds_all_of_it() -> None:
    encoder = SMALL["tiny"].build()
    (row,) = encoder_rows(encoder)
    assert set(row.names) == set(encoder.state_dict())
    assert row.numbers == sum(parameter.numel() for parameter in encoder.parameters())


def test_a_tensor_counts_once() -> None:
    tensor = torch.zeros(3)
    assert count_numbers([tensor, tensor, torch.zeros(2)]) == 5


def test_long_names_of_parts_keep_the_columns() -> None:
    table = transfer_table((TransferRow("a" * 20, "left out", ("x",), 1_000_000, "why"),))
    head, line = table.splitlines()
    assert head.index("what") == line.index("left out")
    assert line.endswith("1,000,000  why")
