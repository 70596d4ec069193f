import type { Case, Claims } from '../subject.js';

export type BackendClaims = Claims<Case>;
