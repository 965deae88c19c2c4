import { runWriter } from '../writer.ts';
import { counterStore } from './counter-store.ts';

runWriter({ operations: counterStore.operations });
