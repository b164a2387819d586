# PERscope in a container. CPU by default; for a GPU:
#   docker build --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 -t perscope .
# docker run --init -p 8501:8501 perscope      (--init reaps worker processes)
FROM python:3.12-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

RUN useradd --create-home --uid 10001 perscope
WORKDIR /srv/perscope

COPY requirements.txt .
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep '^torch==' requirements.txt)" \
 && pip install --no-cache-dir --requirement requirements.txt

COPY per_core per_core
COPY analysis analysis
COPY assets assets
COPY app app

USER perscope
RUN mkdir /home/perscope/runs
ENV PYTHONUNBUFFERED=1 PERSCOPE_RUNS=/home/perscope/runs
VOLUME /home/perscope/runs
EXPOSE 8501
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=40s --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request as u; assert u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4).read() == b'ok'"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["--address", "0.0.0.0", "--port", "8501", "--no-browser"]
