"""Embeds every scan of a folder and lists those that are least like the others; no labels are needed.

Run: python examples/find_outliers.py
One scan of the folder is another scan turned upside down. (With so short a training the order means little.)
"""

import nibabel
import numpy as np

import orienteer


def main() -> None:
    """Prints the scans by their distance to the nearest other scan, largest first."""
    orienteer.demo("runs/small", subjects=6, steps=2, workers=0, prepare_workers=0)
    orienteer.write_phantoms("collection", count=5, seed=3, labels=False)
    upright = nibabel.load("collection/SYNTHETIC_torso_000.nii.gz")
    nibabel.save(upright.__class__(upright.dataobj[:, :, ::-1], upright.affine), "collection/turned.nii.gz")

    vectors = orienteer.embed("runs/small", "collection", "vectors.csv", workers=0, pictures=False)
    for name, distance in zip(*by_distance(vectors.scans, vectors.vectors), strict=True):
        print(f"{distance:8.3f}  {name}")


def by_distance(scans: tuple[str, ...], vectors: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Returns the scans and their distance to the nearest other one, largest first; vectors are standardised before."""
    values = (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-6)
    distances = np.linalg.norm(values[:, None] - values[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.min(1)
    order = np.argsort(-nearest)
    return [scans[index] for index in order], nearest[order]


if __name__ == "__main__":
    main()
