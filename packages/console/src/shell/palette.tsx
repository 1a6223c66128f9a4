import { useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { api } from '../api/client';
import { setPreferences, usePreferences } from '../lib/preferences';
import { signOut } from './sign-out';

interface Command {
  readonly id: string;
  readonly title: string;
  readonly hint: string;
  readonly run: () => void;
}

function useCommands(): readonly Command[] {
  const router = useRouter();
  const { density } = usePreferences();
  const otherDensity = density === 'compact' ? 'comfortable' : 'compact';
  const go = (to: '/' | '/dead-letters' | '/events') => () => void router.navigate({ to });
  return [
    { id: 'overview', title: 'Overview', hint: 'Page', run: go('/') },
    {
      id: 'record',
      title: 'Record',
      hint: 'Page',
      run: () => void router.navigate({ to: '/record', search: { range: '24h' } }),
    },
    { id: 'events', title: 'Events', hint: 'Page', run: go('/events') },
    { id: 'dead-letters', title: 'Dead letters', hint: 'Page', run: go('/dead-letters') },
    {
      id: 'offline',
      title: 'Devices that are offline',
      hint: 'List',
      run: () => void router.navigate({ to: '/', search: { state: 'offline' } }),
    },
    { id: 'light', title: 'Light theme', hint: 'Look', run: () => setPreferences({ theme: 'light' }) },
    { id: 'dark', title: 'Dark theme', hint: 'Look', run: () => setPreferences({ theme: 'dark' }) },
    {
      id: 'system',
      title: 'Theme as the system',
      hint: 'Look',
      run: () => setPreferences({ theme: 'system' }),
    },
    {
      id: 'density',
      title: `${otherDensity === 'compact' ? 'Compact' : 'Comfortable'} density`,
      hint: 'Look',
      run: () => setPreferences({ density: otherDensity }),
    },
    {
      id: 'copy',
      title: 'Copy a link to this view',
      hint: 'Share',
      run: () => void navigator.clipboard.writeText(window.location.href),
    },
    { id: 'out', title: 'Sign out', hint: 'Session', run: () => void signOut() },
  ];
}

/** Devices that match what is typed, then commands that do. */
function useMatches(text: string): readonly Command[] {
  const router = useRouter();
  const commands = useCommands();
  const devices = useQuery({
    queryKey: ['palette', text],
    queryFn: ({ signal }) => api.listDevices({ q: text || undefined, limit: 8 }, { signal }),
    placeholderData: (before) => before,
    staleTime: 10_000,
  });
  // While an answer is awaited the one before is narrowed here: Enter must never run what no longer matches.
  const fits = (device: { device_id: string; title: string }) =>
    !devices.isPlaceholderData ||
    `${device.device_id} ${device.title}`.toLowerCase().includes(text.toLowerCase());
  const found = (devices.data?.items ?? []).filter(fits).map((device) => ({
    id: `device-${device.device_id}`,
    title: device.device_id,
    hint: device.title,
    run: () => void router.navigate({ to: '/devices/$deviceId', params: { deviceId: device.device_id } }),
  }));
  const wanted = text.toLowerCase();
  const fitting = commands.filter((command) => command.title.toLowerCase().includes(wanted));
  return text === '' ? [...fitting, ...found] : [...found, ...fitting];
}

/** Search for devices, pages and actions; opened by Ctrl-K or the search field. */
export function Palette({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const matches = useMatches(text);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const active = Math.min(at, matches.length - 1);
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setAt(Math.min(active + 1, matches.length - 1));
    else if (event.key === 'ArrowUp') setAt(Math.max(active - 1, 0));
    else if (event.key === 'Enter') run(matches[active]);
    else return;
    event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a modal dialog by itself
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Search and commands"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <input
        className="palette-input"
        type="text"
        role="combobox"
        aria-label="Search devices, pages and actions"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={active >= 0 ? `${id}-${String(active)}` : undefined}
        placeholder="Search devices, pages and actions"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      {matches.length === 0 ? <p className="palette-none quiet">Nothing matches.</p> : null}
      <div id={`${id}-list`} role="listbox" aria-label="Matches" className="palette-list">
        {matches.map((command, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field takes the keys (aria-activedescendant)
          // biome-ignore lint/a11y/useFocusableInteractive: the field holds the focus
          <div
            key={command.id}
            id={`${id}-${String(i)}`}
            role="option"
            aria-selected={i === active}
            className="palette-line"
            ref={i === active ? (line) => line?.scrollIntoView({ block: 'nearest' }) : undefined}
            onClick={() => run(command)}
          >
            <span className="clip">{command.title}</span>
            <span className="quiet small clip">{command.hint}</span>
          </div>
        ))}
      </div>
    </dialog>
  );
}
