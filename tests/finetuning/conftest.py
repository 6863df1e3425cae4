"""Fixtures of the tests of fine-tuning."""

from tests.helpers.classified import classified as classified
from tests.helpers.classified import classify as classify
from tests.helpers.classified import parity as parity
from tests.helpers.finetuned import data_copy as data_copy
from tests.helpers.finetuned import labelled_data as labelled_data
from tests.helpers.finetuned import labelled_store as labelled_store
from tests.helpers.finetuned import organs as organs
from tests.helpers.finetuned import prepared_cases as prepared_cases
from tests.helpers.finetuned import segmented as segmented
from tests.helpers.saved_models import classifier_folder as classifier_folder
from tests.helpers.saved_models import segmentation_folder as segmentation_folder
from tests.helpers.saved_models import varied_folder as varied_folder
