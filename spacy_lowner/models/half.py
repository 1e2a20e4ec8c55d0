"""Half precision on a CPU."""

import torch


def computes_in_bfloat16() -> bool:
    """RETURNS (bool): Whether this processor has instructions for products of bfloat16."""
    checks = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(check() for check in checks if check is not None)
