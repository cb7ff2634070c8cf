import { onceFlows } from './once.contract.js';

onceFlows('wire');
