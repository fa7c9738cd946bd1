# One image for all parts of Live Feeds: `manage.py serve web`, `ingest`, `maintenance`, `smtp` or `scheduler`, and
# `manage.py prepare` once before them. docs/operate.md says how they belong together.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --require-hashes --requirement requirements.lock
COPY . .
# What is made from the sources is made here, so that nothing has to be written while it runs. The key is thrown away.
RUN SECRET_KEY=build LIVEFEEDS_HOME=/tmp STATIC_ROOT=/app/staticfiles /venv/bin/python manage.py messages --compile \
 && SECRET_KEY=build LIVEFEEDS_HOME=/tmp STATIC_ROOT=/app/staticfiles /venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
 && /venv/bin/python -m compileall -q .

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin livefeeds \
 && install -d -o livefeeds -g livefeeds -m 0700 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER livefeeds
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=settings.base \
    LIVEFEEDS_HOME=/data \
    STATIC_ROOT=/app/staticfiles \
    HOST=0.0.0.0 \
    LOG_FORMAT=json
VOLUME /data
EXPOSE 8000 2525
# Web and workers end within seconds, workers after handing their tasks back.
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "web"]
