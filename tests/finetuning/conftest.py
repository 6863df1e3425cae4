"""Fixtures of the tests of fine-tuning."""

from tests.helpers.finetuned import data_copy as data_copy
from tests.helpers.finetuned import labelled_data as labelled_data
from tests.helpers.finetuned import labelled_store as labelled_store
from tests.helpers.finetuned import organs as organs
from tests.helpers.finetuned import segmented as segmented
