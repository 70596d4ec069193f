import { regularizerContract } from '../kit/index.js';
import { techniques } from './techniques.js';

for (const [plugin, claims] of techniques) regularizerContract(plugin, claims);
