import { openAddon } from './open.js';

console.log(JSON.stringify(openAddon().isa()));
