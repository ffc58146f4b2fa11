"""What every part of the spec is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Unknown keys are errors, and nothing changes after it was read. The docstrings below the fields are what an
    editor shows beside their keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
