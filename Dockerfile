# The README's two commands in a container; `docker build -t tinyflow .`, see docs/platforms.md.
FROM python:3.11-slim-bookworm
RUN useradd --create-home user
USER user
WORKDIR /home/user/tinyflow
ENV PATH=/home/user/tinyflow/.venv/bin:$PATH
COPY --chown=user . .
RUN python3 -m venv .venv && . .venv/bin/activate
RUN pip install -e '.[test]'
CMD ["bash"]
