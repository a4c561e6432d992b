"""One measured figure as a JSON line."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

# A ceiling below this share of what two cores of a common server reach says that the machine was busy with other work.
SOUND_SHARE = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`ratio` is value / ceiling. `target` and `met` judge the figure named in `judged`.

    usual_ceiling: what the ceiling is on two idle cores; None where there is no such figure.
    """

    name: str
    value: float
    unit: str
    target: float
    met: bool
    judged: str = "value"  # or "ratio"
    ceiling: float | None = None
    usual_ceiling: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return self.value / self.ceiling if self.ceiling else None

    @property
    def is_valid(self) -> bool:
        if self.ceiling is None or self.usual_ceiling is None:
            return True
        return self.ceiling >= SOUND_SHARE * self.usual_ceiling

    def line(self) -> str:
        """The JSON line; `met` is null when the machine was too busy to tell."""
        detail = dict(self.detail)
        if not self.is_valid:
            detail["invalid"] = (
                f"The ceiling is below {SOUND_SHARE:.0%} of {self.usual_ceiling:g}: the machine is busy."
            )
        words = {
            "name": self.name,
            "value": _rounded(self.value),
            "unit": self.unit,
            "ceiling": _rounded(self.ceiling),
            "ratio": _rounded(self.ratio),
            "target": self.target,
            "judged": self.judged,
            "met": self.met if self.is_valid else None,
            "detail": {key: _rounded(value) for key, value in detail.items()},
        }
        return json.dumps(words)


def at_least_share(target: float, *, value: float, ceiling: float, **more: Any) -> Result:
    """A rate that must reach a share of its ceiling."""
    met = value >= target * ceiling
    return Result(value=value, ceiling=ceiling, target=target, met=met, judged="ratio", **more)


def at_most(target: float, *, value: float, **more: Any) -> Result:
    return Result(value=value, target=target, met=value <= target, **more)


def at_least(target: float, *, value: float, **more: Any) -> Result:
    return Result(value=value, target=target, met=value >= target, **more)


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    return sorted(values)[max(math.ceil(len(values) * share) - 1, 0)]


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
