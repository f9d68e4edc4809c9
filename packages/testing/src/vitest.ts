export { describeBackendContract, type ContractOptions } from './contract/describe-backend-contract.js';
