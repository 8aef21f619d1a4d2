using System.Text.Json;
using GuardSharp.Policies;
using GuardSharp.Server.Guards;
using GuardSharp.Server.Judging;

namespace GuardSharp.Server.Endpoints.Completions;

/// <summary>A category as a client's own prompt or template names it.</summary>
/// <param name="Code">S and a number, or O and a number as Llama Guard 1 had it.</param>
/// <param name="Name">Its name, without the full stop.</param>
/// <param name="Description">What follows on its own lines, as one line; null: nothing.</param>
internal sealed record PromptCategory(string Code, string Name, string? Description = null);

/// <summary>A policy made of a client's list, and the way back to the client's codes.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="Listed">The client's codes by ours.</param>
internal sealed record PromptPolicy(Policy Policy, ILookup<string, string> Listed)
{
    /// <summary>A verdict in the client's codes.</summary>
    public GuardAnswer Write(Verdict verdict) =>
        GuardAnswer.Of(verdict, verdict.Categories.SelectMany(ours => Listed[ours], (ours, code) => (ours, code)).ToLookup(pair => pair.code, pair => pair.ours));
}

/// <summary>Makes policies of the lists that clients write into prompts and template arguments.</summary>
/// <remarks>
/// Names decide, not numbers: Llama Guard 2 counted otherwise, and Llama Guard 1 had six categories of its own. Where every name is known the
/// model is asked for the hazards it was trained on and answers come back in the client's codes; a list with a name of its own goes to the
/// model as it is, if the model reads such lists at all.
/// </remarks>
internal sealed class PromptPolicies(GuardRegistry guards)
{
    private static readonly Dictionary<string, string[]> _hazards = HazardTaxonomy.Entries
        .SelectMany(entry => new[] { entry.Category.Name, entry.CardName }.Distinct(), (entry, name) => (Name: Plain(name), entry.Category.Code))
        .ToDictionary(known => known.Name, known => new[] { known.Code });

    // Llama Guard 1's six categories (arXiv:2312.06674, section 2.1), by what of today's hazards they hold.
    private static readonly Dictionary<string, string[]> _first = new()
    {
        ["violence and hate"] = ["S1", "S10"],
        ["sexual content"] = ["S3", "S4", "S12"],
        ["criminal planning"] = ["S2"],
        ["guns and illegal weapons"] = ["S9"],
        ["regulated or controlled substances"] = ["S2"],
        ["self-harm"] = ["S11"],
        ["suicide and self harm"] = ["S11"],
    };

    /// <summary>The policy of <c>chat_template_kwargs</c>: <c>{"categories":{"S1":"Name."},"excluded_category_keys":["S6"]}</c>; null where it says nothing of the kind.</summary>
    /// <exception cref="ApiException">It cannot be followed.</exception>
    public PromptPolicy? FromTemplateArguments(JsonElement root, string? model)
    {
        const string Name = "chat_template_kwargs";
        if (root.OptionalObject(Name) is not { } arguments)
            return null;
        var chosen = arguments.OptionalObject("categories");
        HashSet<string> excluded = [.. arguments.OptionalList("excluded_category_keys", 1000).Select(code => code.Text(Name))];
        if (chosen is null && excluded.Count == 0)
            return null;
        var listed = chosen is { } categories
            ? categories.EnumerateObject().Select(entry => Category(entry.Name, entry.Value.Text(Name)))
            : HazardTaxonomy.Entries.Select(entry => entry.Category).Where(category => Guard(model).Codes.Contains(category.Code))
                .Select(category => new PromptCategory(category.Code, category.Name));
        return Make([.. listed.Where(category => !excluded.Contains(category.Code))], model, Name);
    }

    /// <summary>The policy of a list.</summary>
    /// <param name="listed">The list.</param>
    /// <param name="model">The model that will be asked.</param>
    /// <param name="source">The field that holds the list.</param>
    /// <exception cref="ApiException">The list is empty, or has names of its own that the model does not read.</exception>
    public PromptPolicy Make(IReadOnlyList<PromptCategory> listed, string? model, string source)
    {
        if (listed.Count == 0)
            throw ApiException.BadRequest($"{source} holds no category. List at least one, such as S1: Violent Crimes.", source);
        var known = listed.Select(category => (category.Code, Ours: Known(category), category.Description)).ToArray();
        if (known.All(category => category.Ours is not null))
        {
            var back = known.SelectMany(category => category.Ours!, (category, ours) => (ours, category.Code)).ToLookup(pair => pair.ours, pair => pair.Code);
            return new PromptPolicy(Described(Policy.MlCommons.Only([.. back.Select(group => group.Key)]), known), back);
        }

        if (!Guard(model).CustomCategories)
        {
            throw ApiException.BadRequest(
                $"{source} holds categories that {Guard(model).Model} was not trained on, and it cannot learn them from a prompt. List hazards by their MLCommons names, or ask a model that can.", source);
        }

        // Llama Guard answers with S and a number only.
        var own = listed.ToLookup(category => $"S{category.Code[1..]}", category => category.Code);
        return new PromptPolicy(Policy.Create("prompt", listed.Select(category => new HazardCategory($"S{category.Code[1..]}", category.Name, category.Description))), own);
    }

    private static PromptCategory Category(string code, string name) => code is ['S' or 'O', >= '1' and <= '9', ..] && code.Skip(1).All(char.IsAsciiDigit)
        ? new PromptCategory(code, name.Trim().TrimEnd('.'))
        : throw ApiException.BadRequest("A key of chat_template_kwargs.categories is no code. Write S and a number, such as S1.", "chat_template_kwargs");

    private GuardCapabilities Guard(string? model) => (guards.Find(model) ?? throw ApiException.UnknownModel(model!)).Guard.Capabilities;

    private static string[]? Known(PromptCategory category) =>
        (category.Code.StartsWith('O') ? _first.GetValueOrDefault(Plain(category.Name)) : null) ?? _hazards.GetValueOrDefault(Plain(category.Name));

    private static Policy Described(Policy policy, (string Code, string[]? Ours, string? Description)[] known)
    {
        var texts = known.Where(category => category is { Ours.Length: 1, Description: not null })
            .DistinctBy(category => category.Ours![0]).ToDictionary(category => category.Ours![0], category => category.Description);
        return texts.Count == 0 ? policy : Policy.Create(
            policy.Name, policy.Categories.Select(category => texts.TryGetValue(category.Code, out var text) ? category with { Description = text } : category));
    }

    private static string Plain(string name) => name.Trim().TrimEnd('.').ToLowerInvariant();
}
