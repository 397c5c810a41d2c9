# rtl_tcp, as Debian has it.
FROM debian:12.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends rtl-sdr && rm -rf /var/lib/apt/lists/*
USER 65532:65532
EXPOSE 1234
CMD ["rtl_tcp", "-a", "0.0.0.0", "-p", "1234"]
