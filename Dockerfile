# The operator and receiverctl, the shared libraries that they load, CA certificates and an unprivileged user; no shell, no
# package manager.
#
#   docker build --build-arg BUILT="$(config/release/version.sh)" --tag bitbucket-receiver .
#
# builds from source in Debian. `make image` needs no registry: it passes the stage `root` as a folder that the same script has
# created from the output of `make build`.
ARG BUILD_IMAGE=docker.io/library/debian:12-slim
ARG BASE_IMAGE=scratch

FROM ${BUILD_IMAGE} AS build
ARG BUILT=
WORKDIR /source
COPY . .
RUN test/cluster/install.sh build collect \
  && cmake --preset release -DBUILT="$BUILT" -DBUILD_TESTING=OFF \
  && cmake --build build/release --target bitbucket-receiver --target receiverctl \
  && config/image/collect.sh build/release/bitbucket-receiver build/release/receiverctl /image-root

FROM scratch AS root
COPY --from=build /image-root /

FROM ${BASE_IMAGE}
COPY --from=root / /
USER 65532:65532
EXPOSE 8080 9090
ENTRYPOINT ["/usr/bin/bitbucket-receiver"]
