"""What real steps say about a forecast: one factor an environment class, within bounds. Pure.

A forecast is static bytes (weights, optimizer state), which are known exactly, and transient ones, which follow from
how a backend evaluates a graph. Only the transient part is scaled. Metal and CUDA fuse more than the traced graph
shows, so there the factor is expected below 1; the uncalibrated figure stays beside the calibrated one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from runner.memory.model import Forecast

LOWEST, HIGHEST = 0.5, 1.5  # a factor beyond these is a defect to be looked at, not one to be planned with
LEAST_SHARE = 0.02  # of the peak: a transient part below it says nothing about the factor


@dataclass(frozen=True)
class Pair:
    """One phase that was forecast and then run, with the same rows: MLX's own peak beside the forecast of it."""

    phase: str
    forecast_bytes: int
    static_bytes: int  # part of the forecast
    measured_bytes: int


@dataclass(frozen=True)
class Calibration:
    """The factor of one environment class. `factor` is 1 where nothing was measured."""

    environment: str  # digest of the class
    factor: float
    pairs: tuple[Pair, ...] = ()  # that it was made of
    bounded: bool = False  # the measured factor was beyond the bounds


def pairs_of(forecasts: Iterable[Forecast], measured: Mapping[str, int]) -> tuple[Pair, ...]:
    """Forecasts beside measured peaks in bytes, by the phase's name; what was not measured is left out."""
    return tuple(
        Pair(f.phase, f.peak_bytes, f.static_bytes, measured[f.phase]) for f in forecasts if f.phase in measured
    )


def calibrate(environment: str, pairs: Iterable[Pair]) -> Calibration:
    """The least factor by which no measured phase is forecast too low: the greatest of the pairs' own, in bounds."""
    known = tuple(p for p in pairs if p.forecast_bytes - p.static_bytes >= LEAST_SHARE * p.forecast_bytes)
    if not known:
        return Calibration(environment, 1.0)
    factor = max((p.measured_bytes - p.static_bytes) / (p.forecast_bytes - p.static_bytes) for p in known)
    kept = min(HIGHEST, max(LOWEST, factor))
    return Calibration(environment, kept, known, bounded=kept != factor)


def calibrated(forecast: Forecast, calibration: Calibration) -> Forecast:
    """The forecast with its transient part scaled; `details["traced_bytes"]` keeps the peak as it was traced."""
    transient = forecast.peak_bytes - forecast.static_bytes
    peak = forecast.static_bytes + round(calibration.factor * transient)
    basis = f"{forecast.basis}; × {calibration.factor:.2f} by {len(calibration.pairs)} measured phases"
    details = {**forecast.details, "traced_bytes": forecast.peak_bytes}
    return replace(forecast, peak_bytes=peak, basis=basis, details=details)
