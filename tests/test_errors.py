import pickle

from orienteer.errors import InputError, ScanError


def test_errors_survive_the_way_out_of_a_worker_process() -> None:
    error = ScanError("a.nii", step="read", wanted="w", got="g", do="d")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.step, again.do) == (ScanError, str(error), "read", "d")
    plain = pickle.loads(pickle.dumps(InputError("x", wanted="w", got="g", do="d.")))
    assert str(plain) == "x: wanted w, got g. Do this: d."
