"""Studies of activation batches: samples, statistics, distances, dumps, trainings. No Streamlit, no plotly."""
