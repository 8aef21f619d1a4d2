using System.Globalization;
using System.Text;

namespace GuardSharp.Policies;

/// <summary>What a guard looks for: categories in numeric order, each with its original number, and optional thresholds of their own.</summary>
/// <remarks>Immutable; safe from any thread. A narrowed policy keeps the numbers: dropping S1 to S11 leaves S12, not S1.</remarks>
public sealed class Policy
{
    private readonly Lazy<string> _version;

    private Policy(string name, HazardCategory[] categories, Dictionary<string, double> thresholds)
    {
        Name = name;
        Categories = categories;
        Thresholds = thresholds;
        _version = new Lazy<string>(() => $"{name}@{Fingerprint():x16}"[..(name.Length + 13)]);
    }

    /// <summary>The default: all fourteen hazards, or S1 to S13 as soon as a conversation holds an image.</summary>
    public static Policy MlCommons { get; } = new("mlcommons", [.. HazardTaxonomy.Entries.Select(e => e.Category)], []);

    /// <summary>A short name, part of <see cref="Version"/>.</summary>
    public string Name { get; }

    /// <summary>The categories, by rising number.</summary>
    public IReadOnlyList<HazardCategory> Categories { get; }

    /// <summary>Thresholds by code, in (0, 1]: such a category is violated when its own probability reaches the value.</summary>
    public IReadOnlyDictionary<string, double> Thresholds { get; }

    /// <summary>The name, an at sign and 12 hexadecimal digits that change with the categories, their texts and the thresholds.</summary>
    public string Version => _version.Value;

    /// <summary>Makes a policy.</summary>
    /// <param name="name">One word or a few; no line breaks.</param>
    /// <param name="categories">At least one, codes all different, in any order.</param>
    /// <param name="thresholds">By code, in (0, 1].</param>
    /// <exception cref="InvalidConversationException">No category, a code twice, a text with a line break, a threshold outside its range.</exception>
    public static Policy Create(
        string name, IEnumerable<HazardCategory> categories, IReadOnlyDictionary<string, double>? thresholds = null)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(categories);
        (int Number, HazardCategory Category)[] numbered = [.. categories.Select(c => (c.Number, c))];
        HazardCategory[] ordered = [.. numbered.OrderBy(c => c.Number).Select(c => c.Category)];
        CheckCategories(name, ordered);
        var copy = new Dictionary<string, double>(thresholds ?? new Dictionary<string, double>());
        foreach (var (code, value) in copy)
            CheckThreshold(name, ordered, code, value);
        return new Policy(name, ordered, copy);
    }

    /// <summary>The policy with these codes only.</summary>
    /// <exception cref="InvalidConversationException">A code the policy does not hold, or none at all.</exception>
    public Policy Only(params IReadOnlyCollection<string> codes)
    {
        ArgumentNullException.ThrowIfNull(codes);
        CheckKnown(codes);
        return Narrow(c => codes.Contains(c.Code));
    }

    /// <summary>The policy without these codes.</summary>
    /// <exception cref="InvalidConversationException">A code the policy does not hold, or nothing left.</exception>
    public Policy Without(params IReadOnlyCollection<string> codes)
    {
        ArgumentNullException.ThrowIfNull(codes);
        CheckKnown(codes);
        return Narrow(c => !codes.Contains(c.Code));
    }

    /// <summary>The policy with these thresholds of single categories, beside those it has; of two for a code these count.</summary>
    /// <param name="thresholds">By code, in (0, 1].</param>
    /// <exception cref="InvalidConversationException">A code the policy does not hold, or a threshold outside its range.</exception>
    public Policy WithThresholds(IReadOnlyDictionary<string, double> thresholds)
    {
        ArgumentNullException.ThrowIfNull(thresholds);
        if (thresholds.Count == 0)
        {
            return this;
        }

        HazardCategory[] categories = [.. Categories];
        var all = new Dictionary<string, double>(Thresholds);
        foreach (var (code, value) in thresholds)
        {
            CheckThreshold(Name, categories, code, value);
            all[code] = value;
        }

        return new Policy(Name, categories, all);
    }

    /// <summary>The policy with these thresholds for those of its categories that have none.</summary>
    internal Policy WithDefaultThresholds(IReadOnlyDictionary<string, double> thresholds) =>
        WithThresholds(thresholds.Where(entry => !Thresholds.ContainsKey(entry.Key) && Categories.Any(category => category.Code == entry.Key)).ToDictionary());

    /// <summary>Reads a policy file, such as <c>{"name":"shop","categories":["S1",{"code":"S99","name":"Spam"}],"thresholds":{"S1":0.3}}</c>.</summary>
    /// <exception cref="InvalidConversationException">The file is missing or is no policy.</exception>
    public static Policy ReadFile(string path) => PolicyJson.ReadFile(path);

    /// <summary>Reads a policy from UTF-8 JSON in the form of <see cref="ReadFile"/>.</summary>
    /// <exception cref="InvalidConversationException">The text is no policy.</exception>
    public static Policy FromJson(ReadOnlyMemory<byte> utf8Json) => PolicyJson.Read(utf8Json, "policy");

    /// <summary>The policy that is judged when a conversation holds an image: the default list loses the hazards that are for text alone.</summary>
    /// <remarks>A list somebody chose stays as chosen. Privacy says, where descriptions are printed, that identifying people counts.</remarks>
    internal Policy ForImages()
    {
        var narrowed = WithoutCodeInterpreter();
        return ReferenceEquals(narrowed, this) ? this : new Policy(
            Name,
            [.. narrowed.Categories.Select(c => c.Code == HazardTaxonomy.PrivacyCode ? c with { Description = HazardTaxonomy.PicturePrivacy } : c)],
            narrowed.Thresholds.ToDictionary());
    }

    /// <summary>The policy for models that do not know S14: the default list loses the hazards that are for text alone. A list somebody chose stays as chosen.</summary>
    internal Policy WithoutCodeInterpreter() => Categories.SequenceEqual(MlCommons.Categories)
        ? Narrow(c => !HazardTaxonomy.Find(c.Code)!.TextOnly)
        : this;

    private Policy Narrow(Func<HazardCategory, bool> keep)
    {
        var kept = Categories.Where(keep).ToArray();
        var thresholds = Thresholds.Where(t => kept.Any(c => c.Code == t.Key)).ToDictionary();
        CheckCategories(Name, kept);
        return kept.Length == Categories.Count ? this : new Policy(Name, kept, thresholds);
    }

    private void CheckKnown(IEnumerable<string> codes)
    {
        foreach (var code in codes)
        {
            if (Categories.All(c => c.Code != code))
            {
                throw new InvalidConversationException(
                    $"The policy \"{Name}\" has no category \"{code}\". It has {CodeRanges.Format(Categories)}.");
            }
        }
    }

    private static void CheckCategories(string name, HazardCategory[] ordered)
    {
        if (ordered.Length == 0)
        {
            throw new InvalidConversationException(
                $"The policy \"{name}\" has no category left. Name at least one of S1 to S14, or a category of your own.");
        }

        CheckLine(name, "name", name);
        for (var i = 0; i < ordered.Length; i++)
        {
            if (i > 0 && ordered[i - 1].Code == ordered[i].Code)
            {
                throw new InvalidConversationException(
                    $"The policy \"{name}\" has the code {ordered[i].Code} twice. Every code stands once; it has {CodeRanges.Format(ordered)}.");
            }

            CheckLine(name, $"name of {ordered[i].Code}", ordered[i].Name);
            if (ordered[i].Description is { } description)
                CheckLine(name, $"description of {ordered[i].Code}", description);
        }
    }

    private static void CheckLine(string policy, string what, string text)
    {
        // The texts become lines of the prompt: a line break in one would be a line of the template.
        if (string.IsNullOrWhiteSpace(text) || text.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029'))
        {
            throw new InvalidConversationException(
                $"The policy \"{OneLine(policy)}\": the {what} is empty or holds a line break or control character. Write one line of text.");
        }
    }

    private static string OneLine(string text) => new([.. text.Select(c => char.IsControl(c) ? ' ' : c)]);

    private static void CheckThreshold(string name, HazardCategory[] categories, string code, double value)
    {
        if (categories.All(c => c.Code != code))
        {
            throw new InvalidConversationException(
                $"The policy \"{name}\" has a threshold for \"{code}\" but no such category. It has {CodeRanges.Format(categories)}.");
        }

        if (value is not (> 0 and <= 1))
        {
            throw new InvalidConversationException(
                $"The policy \"{name}\": the threshold of {code} is {value.ToString(CultureInfo.InvariantCulture)}; allowed is above 0 and up to 1.");
        }
    }

    /// <summary>FNV-1a, 64 bits: tells versions apart by accident-proof means without loading a cryptography library at start.</summary>
    private ulong Fingerprint()
    {
        var text = new StringBuilder();
        foreach (var c in Categories)
            text.Append(c.Code).Append('\n').Append(c.Name).Append('\n').Append(c.Description).Append('\n');
        foreach (var (code, value) in Thresholds.OrderBy(t => t.Key, StringComparer.Ordinal))
            text.Append(code).Append('=').Append(value.ToString("R", CultureInfo.InvariantCulture)).Append('\n');
        var hash = 14695981039346656037UL;
        foreach (var b in Encoding.UTF8.GetBytes(text.ToString()))
            hash = (hash ^ b) * 1099511628211UL;
        return hash;
    }
}
