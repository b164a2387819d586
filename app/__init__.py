"""What a person sees: Streamlit pages, widgets, caching and plotly figures. No mathematics."""
