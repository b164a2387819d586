"""What the authors of the paper report, marked as theirs."""

import pandas as pd
import streamlit as st

from app.text.language import _, translated
from per_core.text import N_

_TABLES: dict[str, list[dict[str, object]]] = {
    N_("Table 1: CIFAR-10, test error in %"): [
        {"Network": "ResNet-56", "Vanilla": 7.21, "BN": 6.95, "PER": 6.72},
        {"Network": "ResNet-110", "Vanilla": 6.90, "BN": 6.62, "PER": 6.19},
    ],
    N_("Table 2: the 11-layer network, test error in %"): [
        {"Data": "CIFAR-10", "Non-linearity": "ReLU", "Vanilla": 8.43, "BN": 7.53, "VCL": 7.80, "PER": 7.21},
        {"Data": "CIFAR-10", "Non-linearity": "Leaky ReLU", "Vanilla": 6.73, "BN": 6.38, "VCL": 6.45, "PER": 6.29},
        {"Data": "CIFAR-10", "Non-linearity": "ELU", "Vanilla": 6.74, "BN": 6.69, "VCL": 6.26, "PER": 6.42},
        {"Data": "CIFAR-100", "Non-linearity": "ReLU", "Vanilla": 29.45, "BN": 29.13, "VCL": 30.30, "PER": 29.29},
        {"Data": "CIFAR-100", "Non-linearity": "Leaky ReLU", "Vanilla": 26.50, "BN": 26.83, "VCL": 26.30, "PER": 25.50},
        {"Data": "CIFAR-100", "Non-linearity": "ELU", "Vanilla": 27.53, "BN": 26.60, "VCL": 25.86, "PER": 25.73},
    ],
    N_("Table 3: language models, test perplexity"): [
        {
            "Data": data,
            "Network": network,
            "Vanilla": vanilla,
            "L2": l2,
            "RBN": rbn,
            "PER": per,
        }
        for data, network, vanilla, l2, rbn, per in (
            ("PTB", N_("LSTM, reused embedding"), 112.2, 108.2, 110.4, 108.5),
            ("WikiText2", N_("LSTM, reused embedding"), 123.2, 123.3, 131.6, 117.4),
            ("PTB", N_("variational-dropout LSTM, reused embedding"), 75.7, 75.8, 80.5, 74.9),
            ("WikiText2", N_("variational-dropout LSTM, reused embedding"), 86.4, 86.1, 90.5, 85.9),
        )
    ],
}


def show_authors_results() -> None:
    """The tables of the paper."""
    st.caption(
        _(
            "As reported by Joo, Kang and Kim, ICLR 2020, tables 1 to 3, single runs without standard deviations. This "
            "dashboard computed none of it."
        )
    )
    for title, rows in _TABLES.items():
        st.markdown(f"**{translated(title)}**")
        shown = [
            {translated(name): translated(cell) if isinstance(cell, str) else cell for name, cell in row.items()}
            for row in rows
        ]
        st.dataframe(pd.DataFrame(shown), hide_index=True, alt=translated(title))
