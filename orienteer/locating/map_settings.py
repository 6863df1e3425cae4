"""How a map between two scans is searched."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MapSettings:
    """How a map is searched. Lengths are in steps of the template's lattice: about 18 mm in a trunk, 9 mm in a head.

    The values were chosen on pairs of training scans of two collections, an abdomen CT and a brain MR.
    """

    matched: int = 800
    """Places of the template that are matched."""
    reach: float = 2.5
    """Distance up to which a match agrees with an affine map."""
    components: int = 16
    """Principal components of the features, or of the embedding, that pull on the map."""
    network: float = 1.0
    """Weight of the features or the embedding beside the grey values."""
    known: float = 1.0
    """Weight of the places that a run predicts beside the grey values."""
    intensity: float = 0.5
    """Weight of the smoothed intensities beside self-similarity, in scans of one modality."""
    enough: float = 0.5
    """Agreement of descriptors from which the first map by the places that a run predicts is relied on, and no other tried."""
    starts: int = 2
    """First maps without features that are refined where others are tried."""
    coarse: float = 3.5
    """Distance of the control points, first."""
    fine: float = 2.2
    """Distance of the control points, at last."""
    steps: int = 4
    """Gauss-Newton steps at either distance."""
    searched: int = 900
    """Places of the template that search around where the affine map takes them, unless it comes from the
    places that a run predicts; 0 for none."""
    search: float = 2.5
    """How far they search."""
    tried: int = 4
    """Displacements that are tried on either side along each axis."""
    search_stiffness: float = 0.3
    """Weight of the penalty on roughness in this search."""
    skin: float = 0.1
    """Weight of a place at the skin; it grows to 1 at the depth that half of the places have. Organs lie deep, and a body's
    fat says little of where they are."""
    stiffness: float = 0.1
    """Weight of the penalty on roughness."""
    fitted: int = 1500
    """Places of the template by which the smooth map is fitted; the affine one is fitted by a third of them."""
