using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

/// <summary>Sets the WEAK flag on one required symbol version of ELF-64 libraries, so that the loader does without it where the system lacks it.</summary>
/// <remarks>
/// Format: ELF-64 little-endian, section .gnu.version_r (System V gABI; LSB 5.0, "Symbol Versioning").
/// Compiled by MSBuild while it builds (RoslynCodeTaskFactory, .NET Standard 2.0): no tool beyond the SDK is needed.
/// </remarks>
public sealed class WeakenVersion : Task
{
    private const uint VersionNeeds = 0x6ffffffe; // section type SHT_GNU_verneed
    private const ushort Weak = 2; // VER_FLG_WEAK

    /// <summary>The libraries; those that do not exist are passed over.</summary>
    [Required]
    public ITaskItem[] Files { get; set; } = Array.Empty<ITaskItem>();

    /// <summary>The version, such as GLIBCXX_3.4.32.</summary>
    [Required]
    public string Version { get; set; } = "";

    public override bool Execute()
    {
        foreach (var item in Files)
        {
            var path = item.GetMetadata("FullPath");
            if (File.Exists(path))
            {
                Weaken(path);
            }
        }

        return !Log.HasLoggedErrors;
    }

    private void Weaken(string path)
    {
        var bytes = File.ReadAllBytes(path);
        if (bytes.Length < 64 || BitConverter.ToUInt32(bytes, 0) != 0x464c457f || bytes[4] != 2 || bytes[5] != 1)
        {
            Log.LogError("{0} is not a little-endian ELF-64 library.", path);
            return;
        }

        if (!SetFlag(bytes))
        {
            return;
        }

        // The file may be a hard link into the package cache: write beside it and rename, so that only the output changes.
        // The time stays the same, or the next build would copy the original again.
        var time = File.GetLastWriteTimeUtc(path);
        var temporary = path + ".weak";
        File.WriteAllBytes(temporary, bytes);
        File.SetLastWriteTimeUtc(temporary, time);
        File.Delete(path);
        File.Move(temporary, path);
        Log.LogMessage(MessageImportance.High, "{0}: asks for {1} weakly now, which this system does not have.", path, Version);
    }

    /// <returns>Whether a byte changed.</returns>
    private bool SetFlag(byte[] elf)
    {
        var sections = BitConverter.ToInt64(elf, 40); // e_shoff
        var size = BitConverter.ToUInt16(elf, 58); // e_shentsize
        var count = BitConverter.ToUInt16(elf, 60); // e_shnum
        var changed = false;
        for (var i = 0; i < count; i++)
        {
            var header = (int)(sections + (i * size));
            if (BitConverter.ToUInt32(elf, header + 4) != VersionNeeds)
            {
                continue;
            }

            var names = (int)BitConverter.ToInt64(elf, (int)(sections + (BitConverter.ToInt32(elf, header + 40) * size)) + 24); // sh_link, sh_offset
            var need = (int)BitConverter.ToInt64(elf, header + 24);
            for (uint step = 1; step != 0; need += (int)step)
            {
                changed |= SetFlagIn(elf, need, names);
                step = BitConverter.ToUInt32(elf, need + 12); // vn_next
            }
        }

        return changed;
    }

    private bool SetFlagIn(byte[] elf, int need, int names)
    {
        var changed = false;
        var entry = need + BitConverter.ToInt32(elf, need + 8); // vn_aux
        for (var i = 0; i < BitConverter.ToUInt16(elf, need + 2); i++) // vn_cnt
        {
            var name = names + BitConverter.ToInt32(elf, entry + 8); // vna_name
            var flags = BitConverter.ToUInt16(elf, entry + 4); // vna_flags
            if ((flags & Weak) == 0 && Encoding.ASCII.GetString(elf, name, Version.Length + 1) == Version + "\0")
            {
                elf[entry + 4] |= (byte)Weak;
                changed = true;
            }

            entry += BitConverter.ToInt32(elf, entry + 12); // vna_next
        }

        return changed;
    }
}
