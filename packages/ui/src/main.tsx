import '@mantine/core/styles/baseline.css';
import '@mantine/core/styles/default-css-variables.css';
import '@mantine/core/styles/global.css';
import '@mantine/core/styles/UnstyledButton.css';
import '@mantine/core/styles/Paper.css';
import '@mantine/core/styles/CloseButton.css';
import '@mantine/core/styles/Overlay.css';
import '@mantine/core/styles/ModalBase.css';
import '@mantine/core/styles/Modal.css';
import './theme/tokens.css';
// Pages use these classes directly too, so all of them are here from the start, in this order.
import './theme/base.css';
import './components/controls.css';
import './components/status.css';
import './components/layout.css';
import './components/data-table.css';
import './components/line-chart.css';
import './components/event-list.css';
import './frame/frame.css';
import './frame/palette.css';
import './frame/time-range.css';
import './components/states.css';
import './theme/print.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { restorePreferences } from './frame/preferences.ts';

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? '';
restorePreferences();
createRoot(root).render(
  <StrictMode>
    <App nonce={nonce} />
  </StrictMode>,
);
