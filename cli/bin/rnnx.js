#!/usr/bin/env node
import { endWithOutput, main } from '../dist/main.js';

endWithOutput();
await main(process.argv);
