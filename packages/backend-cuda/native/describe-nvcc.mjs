// An input of Nx's cache: the addon is built anew when the CUDA compiler changes, also from "none" to "some".
import { findNvcc } from './find-nvcc.mjs';

const nvcc = findNvcc();
console.log(nvcc === null ? 'no nvcc' : `nvcc ${nvcc.version}`);
