"""Yield and cost: defect-limited yield, dies per wafer, known-good dies, assembly flows, hybrid-bond limits."""
