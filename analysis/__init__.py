"""Studies of activation batches: samples, statistics, distances, recordings. No Streamlit, no plotly."""
