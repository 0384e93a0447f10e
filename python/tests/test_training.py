"""Training and adapting."""

import adatom
import pytest

from test_samples import RECIPE

SMALL = {"recipe": RECIPE, "batch": 2, "widths": (4, 6), "warmup": 1, "checkpoint": 2}
# The sides of a recipe's images must be multiples of the network's stride.
assert RECIPE["image"]["width"] % 2 == RECIPE["image"]["height"] % 2 == 0


def test_a_training_tells_its_steps_and_gives_a_model(tmp_path, crystal_image):
    told: list[dict] = []
    model = adatom.train(tmp_path / "model", steps=4, progress=told.append, **SMALL)
    assert [p["step"] for p in told] == [1, 2, 3, 4] and told[0].keys() >= {"loss", "rate", "seconds_left"}
    assert model.card["steps"] == 4 and model.card["network"]["widths"] == [4, 6]
    assert adatom.restore(crystal_image.image, "noNoise", model=model, scale=1.0).shape == crystal_image.image.shape
    assert (tmp_path / "model" / "curve.csv").is_file()


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path):
    def stop(p):
        if p["step"] == 3:
            raise KeyboardInterrupt

    whole = adatom.train(tmp_path / "whole", steps=6, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        adatom.train(tmp_path / "parts", steps=6, progress=stop, **SMALL)
    parts = adatom.train(tmp_path / "parts", resume=True, **SMALL)
    paths = [model.to_safetensors(tmp_path / f"{n}.safetensors") for n, model in enumerate((whole, parts))]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_model_is_adapted_to_a_crystal(tmp_path, crystal_image):
    image = adatom.Image(crystal_image.image, crystal_image.pixel_size)
    optics = {"zone": "001", "energy_kv": 200, "semiangle_mrad": 24}
    found = adatom.adapt(tmp_path / "adapted", "SrTiO3", image=image, minutes=0.05, samples=2, **optics)
    assert found.steps >= 20 and 0 < found.before["f1"] <= 1 and found.conditions["peak_electrons"] > 1
    assert (found.model is None) != (tmp_path / "adapted" / "card.json").is_file()
    with pytest.raises(ValueError, match="pixel size is unknown"):
        adatom.adapt(tmp_path / "none", "SrTiO3", **optics)


def test_settings_of_a_training_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="gaussianMask"):
        adatom.train(tmp_path / "a", tasks=["x"])
    with pytest.raises(ValueError, match="batch"):
        adatom.train(tmp_path / "b", recipe=RECIPE, batch=0)
    with pytest.raises(FileNotFoundError):
        adatom.train(tmp_path / "c", library=tmp_path / "none")
