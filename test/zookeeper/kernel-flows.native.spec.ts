import { kernelFlows } from './kernel-flows.contract.js';

kernelFlows('native');
