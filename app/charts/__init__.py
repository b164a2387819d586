"""The component that draws plotly figures in place, its colours, and the figures by family."""
