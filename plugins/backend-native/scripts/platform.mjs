/** Platforms with a package of their own: the published manifest lists them as optional dependencies. */
export const platforms = [
  { os: 'linux', cpu: 'x64', libc: 'glibc' },
  { os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { os: 'darwin', cpu: 'arm64' },
];

/** Name of the package with the prebuilt addon. */
export const platformPackage = (os, cpu) => `@rnnx/backend-native-${os}-${cpu}`;
