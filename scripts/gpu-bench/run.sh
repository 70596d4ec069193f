#!/bin/sh
# Measures rnnx on this machine's GPU: first whether it computes what the processor does, then how fast it is, with PyTorch
# beside it where python3 has one. Needs Linux x64, gzip and a GPU driver with Vulkan. --help lists the options.
#
# RNNX_BENCH_DIR: where to unpack about 120 MB; default: beside this script, or a new folder for temporary files.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=${PATH:-/usr/local/bin:/usr/bin:/bin}
export PATH

to=${RNNX_BENCH_DIR:-$here/unpacked}
if ! mkdir -p "$to" 2>/dev/null; then to=$(mktemp -d); fi
if [ ! -e "$to/complete" ]; then
  gzip -dc "$here/packed/node.gz" > "$to/node"
  chmod +x "$to/node"
fi

# Our own C++ library only where there is none, and our own Vulkan loader likewise: drivers bring newer ones.
has() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null || true; } | grep -qF "$1"; }
mkdir -p "$to/lib"
if ! has libstdc++.so.6 && ! "$to/node" --version >/dev/null 2>&1; then
  for name in libstdc++.so.6 libgcc_s.so.1; do gzip -dc "$here/packed/$name.gz" > "$to/lib/$name"; done
  export LD_LIBRARY_PATH="$to/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
if [ ! -e "$to/complete" ]; then
  "$to/node" "$here/unpack.mjs" "$here/packed" "$to"
  : > "$to/complete"
fi
if ! has libvulkan.so.1; then
  cp "$to/libvulkan.so.1" "$to/lib/"
  export LD_LIBRARY_PATH="$to/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi

# Containers often have NVIDIA's driver without the file that tells the loader of it.
known=no
for folder in /etc/vulkan/icd.d /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d; do
  for file in "$folder"/nvidia*.json; do if [ -e "$file" ]; then known=yes; fi; done
done
if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && [ $known = no ] && [ -e /dev/nvidiactl ]; then
  other=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
  for name in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
    if [ -e "$other" ]; then break; fi
    if has "$name"; then
      other=$to/nvidia_icd.json
      printf '{"file_format_version":"1.0.0","ICD":{"library_path":"%s","api_version":"1.3.0"}}\n' "$name" > "$other"
    fi
  done
  if [ -e "$other" ]; then export VK_DRIVER_FILES="$other"; fi
fi

exec "$to/node" "$to/bench.mjs" "$@"
