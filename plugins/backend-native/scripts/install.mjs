// Runs when the package is installed: takes the platform's prebuilt addon where it is installed and loads, else compiles.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { platformPackage } from './platform.mjs';

function prebuiltLoads() {
  try {
    createRequire(import.meta.url)(platformPackage(process.platform, process.arch));
    return true;
  } catch {
    return false;
  }
}

if (!prebuiltLoads())
  execFileSync(process.execPath, [fileURLToPath(new URL('build.mjs', import.meta.url))], { stdio: 'inherit' });
