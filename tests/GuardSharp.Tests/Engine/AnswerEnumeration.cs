using GuardSharp.Engine;
using GuardSharp.Policies;

namespace GuardSharp.Tests.Engine;

/// <summary>Every answer of a small policy, asked from the engine one token at a time: the definition, without the reader's search.</summary>
internal static class AnswerEnumeration
{
    /// <summary>P(code is in the list | unsafe) by code.</summary>
    public static async Task<Dictionary<string, double>> ProbabilitiesAsync(
        PromptSession session, AnswerGrammar grammar, PromptEncoder encoder, Policy policy)
    {
        var answers = Lists([.. policy.Categories.Select(c => c.Code)], [])
            .SelectMany(list => grammar.StopTokens.Select(stop => (list, ids: (int[])[.. Ids(list, encoder), stop])))
            .ToList();
        var sums = policy.Categories.ToDictionary(c => c.Code, _ => 0.0);
        var known = new Dictionary<string, float[]>();
        foreach (var (list, ids) in answers)
        {
            var p = 1.0;
            for (var i = 0; i < ids.Length; i++)
            {
                var read = ids[..i];
                var permitted = answers.Where(a => a.ids.Length > i && a.ids.AsSpan(0, i).SequenceEqual(read)).Select(a => a.ids[i]).Distinct().ToList();
                if (permitted.Count > 1)
                {
                    var key = string.Join(',', read);
                    if (!known.TryGetValue(key, out var logits))
                    {
                        known[key] = logits = (await session.NextLogitsAsync([read], [], default))[0];
                    }

                    p *= Math.Exp(logits[ids[i]]) / permitted.Sum(t => Math.Exp(logits[t]));
                }
            }

            foreach (var code in list)
            {
                sums[code] += p;
            }
        }

        return sums;
    }

    private static int[] Ids(string[] list, PromptEncoder encoder) =>
        [.. encoder.Encode("unsafe"), .. encoder.Encode("\n"), .. encoder.Encode(list[0]), .. list.Skip(1).SelectMany(code => encoder.Encode("," + code))];

    private static IEnumerable<string[]> Lists(string[] codes, string[] soFar)
    {
        if (soFar.Length > 0)
        {
            yield return soFar;
        }

        foreach (var list in codes.Except(soFar).SelectMany(code => Lists(codes, [.. soFar, code])))
        {
            yield return list;
        }
    }
}
