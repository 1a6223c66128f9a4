import type { Session } from '../api/types';
import { setPreferences, usePreferences } from '../lib/preferences';
import { Popover } from '../ui/popover';
import { signOut } from './sign-out';

const themes = ['system', 'light', 'dark'] as const;
const densities = ['comfortable', 'compact'] as const;

/** Who is signed in where, how the console looks, and the way out. */
export function PreferencesMenu({ session }: { session: Session }) {
  const { theme, density } = usePreferences();
  return (
    <Popover
      label={`${session.tenant.title}, ${session.user.name}: settings`}
      className="button bare tenant"
      button={
        <>
          <span className="clip">{session.tenant.title}</span>
          <svg className="glyph" viewBox="0 0 12 12" aria-hidden="true">
            <path d="m2.5 4.5 3.5 3.5 3.5-3.5" fill="none" stroke="currentColor" strokeWidth="1.5" />
          </svg>
        </>
      }
    >
      <p className="menu-who">
        {session.user.name} <span className="quiet">({session.user.role})</span>
      </p>
      <fieldset className="choices">
        <legend className="small quiet">Theme</legend>
        {themes.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="theme"
              checked={theme === one}
              onChange={() => setPreferences({ theme: one })}
            />
            {one === 'system' ? 'As the system' : one === 'light' ? 'Light' : 'Dark'}
          </label>
        ))}
      </fieldset>
      <fieldset className="choices">
        <legend className="small quiet">Density</legend>
        {densities.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="density"
              checked={density === one}
              onChange={() => setPreferences({ density: one })}
            />
            {one === 'compact' ? 'Compact' : 'Comfortable'}
          </label>
        ))}
      </fieldset>
      <button type="button" className="button menu-out" onClick={() => void signOut()}>
        Sign out
      </button>
    </Popover>
  );
}
