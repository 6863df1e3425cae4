"""What kind of file a name stands for: a format that is read, one that is not, or no scan at all."""

from pathlib import Path

from orienteer.scans.source import METAIMAGE, NIFTI, NRRD

SUFFIXES = {
    ".nii": NIFTI,
    ".nii.gz": NIFTI,
    ".hdr": NIFTI,
    ".hdr.gz": NIFTI,
    ".nrrd": NRRD,
    ".nhdr": NRRD,
    ".mha": METAIMAGE,
    ".mhd": METAIMAGE,
}
"""Formats by the ending of a file name. DICOM is recognised by its content."""

DICOM_NAMES = (".dcm", ".ima")

_COMPRESSED = "a NIfTI image that is not compressed by gzip"
OTHER_IMAGES = {
    **dict.fromkeys((".mgz", ".mgh"), "a FreeSurfer image"),
    **dict.fromkeys((".mnc", ".mnc.gz"), "a MINC image"),
    **dict.fromkeys((".par", ".rec"), "a Philips PAR/REC image"),
    **dict.fromkeys((".head", ".brik", ".brik.gz"), "an AFNI image"),
    **dict.fromkeys((".mif", ".mif.gz", ".mih"), "an MRtrix image"),
    **dict.fromkeys((".vtk", ".vti"), "a VTK image"),
    **dict.fromkeys((".gipl", ".gipl.gz"), "a GIPL image"),
    **dict.fromkeys((".ics", ".ids"), "an ICS image"),
    **dict.fromkeys((".nii.bz2", ".nii.xz", ".nii.zst", ".nii.lz4", ".nii.zip"), _COMPRESSED),
    **dict.fromkeys((".dcm.gz", ".dcm.bz2", ".dcm.xz", ".dcm.zip"), "a compressed DICOM file"),
}
"""Images that are not read, by the ending of a file name."""

NEVER_DICOM = frozenset(
    (
        *(".json", ".b2nd", ".sqlite", ".txt", ".csv", ".tsv", ".md", ".pdf", ".xml", ".html", ".yaml", ".yml"),
        *(".log", ".ini", ".xls", ".xlsx", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".zip", ".tar"),
        *(".tgz", ".7z", ".raw", ".zraw", ".lnk", ".py", ".ipynb", ".npy", ".npz", ".pkl", ".pt", ".pth", ".ckpt"),
        *(".h5", ".doc", ".docx", ".bval", ".bvec"),
    )
)
"""Endings of file names that are not opened to look for DICOM."""

LOOKED_FOR = "scans: " + ", ".join(SUFFIXES) + " files or DICOM series, in any subfolder"


def format_named(path: Path) -> str | None:
    """Returns the format that a file's name stands for; None if it is none of those read by name."""
    name = path.name.lower()
    return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)


def other_image(path: Path) -> str | None:
    """Returns what kind of image a file is that is not read, by its name; None if it is none.

    Example:
        >>> other_image(Path("orig.mgz"))
        'a FreeSurfer image (.mgz), which is not read; convert it to NIfTI'
    """
    name = path.name.lower()
    if name.endswith((".img", ".img.gz")):
        return "voxels without their header (.hdr)"
    kind = max((ending for ending in OTHER_IMAGES if name.endswith(ending)), key=len, default=None)
    return f"{OTHER_IMAGES[kind]} ({kind}), which is not read; convert it to NIfTI" if kind else None


def ending(path: Path) -> str:
    """Returns the ending by which files that are no scans are counted.

    Example:
        >>> [ending(Path(name)) for name in ("a.TXT", "README", ".DS_Store", "IM.1.2.840")]
        ['.txt', 'no ending', 'hidden', 'no ending']
    """
    if path.name.startswith("."):
        return "hidden"
    suffix = path.suffix.lower()
    return suffix if 1 < len(suffix) <= 10 and not suffix[1:].isdigit() else "no ending"
