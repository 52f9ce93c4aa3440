"""A slice as a person reads it: FLAIR in grey, the true tumour outlined in green, the predicted one tinted orange."""

import cv2
import numpy as np

FLAIR = 1
TRUE_COLOR = (0, 222, 164)  # bluish green, like PREDICTED_COLOR after Okabe and Ito: told apart by colour-blind readers
PREDICTED_COLOR = (255, 128, 0)
TINT = 0.25  # opacity of the predicted area
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def draw_overlay(
    image: np.ndarray, true: np.ndarray | None, predicted: np.ndarray | None, *, scale: int = 1
) -> np.ndarray:
    """Draw a slice with the outlines of its masks.

    The true outline runs just outside the tumour and the predicted one just inside its area, so that both show
    where they agree; the predicted area is tinted, so that the two differ by more than colour.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), uint8
        Pre-contrast, FLAIR, post-contrast; FLAIR is drawn as it is.
    true, predicted : ndarray of shape (H, W), uint8 {0, 1}, or None to leave it out
    scale : int
        Enlarge so many times; outlines stay one pixel thin.

    Returns
    -------
    ndarray of shape (scale * H, scale * W, 3), uint8, red-green-blue
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"An overlay is drawn on a slice, uint8 [H, W, 3]; received {image.dtype} {image.shape}.")
    if scale < 1:
        raise ValueError(f"An overlay is enlarged by 1 or more; received scale {scale}.")
    size = (scale * image.shape[1], scale * image.shape[0])
    grey = cv2.resize(np.ascontiguousarray(image[:, :, FLAIR]), size, interpolation=cv2.INTER_LINEAR)
    picture = np.repeat(grey[:, :, None], 3, axis=2)  # (H, W) -> (H, W, 3)
    if predicted is not None:
        area = _enlarge(predicted, image, size, "predicted")
        inside = area > 0
        picture[inside] = np.round((1 - TINT) * picture[inside] + TINT * np.array(PREDICTED_COLOR)).astype(np.uint8)
        core = cv2.erode(area, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        picture[inside & (core == 0)] = PREDICTED_COLOR
    if true is not None:
        area = _enlarge(true, image, size, "true")
        picture[(cv2.dilate(area, _CROSS) > 0) & (area == 0)] = TRUE_COLOR
    return picture


def _enlarge(mask: np.ndarray, image: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
    """A mask as uint8 {0, 255} of the picture's size."""
    if mask.shape != image.shape[:2]:
        raise ValueError(f"The {name} mask must have the slice's shape {image.shape[:2]}; received {mask.shape}.")
    return np.asarray(cv2.resize((mask > 0).astype(np.uint8) * 255, size, interpolation=cv2.INTER_NEAREST))
